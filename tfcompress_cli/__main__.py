"""`python -m tfcompress_cli`: the `tfcompress` script, where it is not on the PATH."""

from tfcompress_cli.main import main

if __name__ == "__main__":
    main()

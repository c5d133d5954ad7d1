"""The command line of tfcompress: one file per command, thin over the library."""

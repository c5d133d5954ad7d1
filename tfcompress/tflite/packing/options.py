"""How tables can be packed: in which mode of the codec, for what that decodes the rows."""

from typing import get_args

from tfcompress.choices import DecoderChoice, PackCodec, Target
from tfcompress.errors import ConfigError
from tfcompress.validation import check_choice

CODECS: tuple[PackCodec, ...] = get_args(PackCodec)
BUILTIN_CODECS = ("auto", "fixed", "indexed")
TARGETS: tuple[Target, ...] = get_args(Target)
DECODERS: tuple[DecoderChoice, ...] = get_args(DecoderChoice)


def check_options(codec: str, target: str, decoder: str = "auto") -> None:
    """Raises `ConfigError` for arguments of `pack.pack_model` that cannot be used."""
    if target == "delegate" and decoder != "auto":
        raise ConfigError(f"decoder: {decoder!r} is for target 'builtin'; leave it out")
    check_choice("codec", codec, CODECS)
    check_choice("target", target, TARGETS)
    check_choice("decoder", decoder, DECODERS)
    if target == "builtin" and codec not in BUILTIN_CODECS:
        raise ConfigError(
            f"codec: {codec!r} needs target 'delegate'; target 'builtin' decodes "
            f"{', '.join(BUILTIN_CODECS[1:])}"
        )

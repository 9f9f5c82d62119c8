"""Chain's row: a percentile under a fixed bound."""

from keras_gradclip import AGC, AutoClip, Chain, ClipByNorm

from .rule import Rule


def make(clippers=None, percentile=None, max_norm=None, **common):
    if percentile is not None:
        clippers = [AutoClip(percentile, **common), ClipByNorm(max_norm, **common)]
    return Chain(clippers)


def links(percentile, max_norm):
    return [
        ("AutoClip", {"percentile": percentile}),
        ("ClipByNorm", {"max_norm": max_norm}),
    ]


ROWS = {
    "Chain": Rule(
        make,
        tight={"percentile": 50.0, "max_norm": 0.5},
        loose={"percentile": 100.0, "max_norm": 1e30},
        every={"clippers": [AutoClip(40.0, window=3, scope="layer"), AGC(0.2)]},
        bad={"clippers": [[], None, 5, AutoClip(), [None], [AutoClip(), None]]},
        # The groups of both links.
        answers=(
            (
                {"clippers": [ClipByNorm(3.0), AutoClip(100.0)]},
                [2.0, 9.0, 9.0],
                [3.0, 2.0, 3.0, 3.0, 3.0, 3.0],
            ),
        ),
        overhead={
            "Chain of AGC unit and ClipByNorm": {"clippers": [AGC(), ClipByNorm(1.0)]}
        },
        is_idempotent=False,
        rounding=0.011,
        links=links,
    )
}

"""Every rule: what is exported here is a rule of the package."""

from keras_gradclip.clippers.adagc import AdaGC
from keras_gradclip.clippers.agc import AGC
from keras_gradclip.clippers.autoclip import AutoClip
from keras_gradclip.clippers.chain import Chain
from keras_gradclip.clippers.clip_by_norm import ClipByNorm
from keras_gradclip.clippers.clip_by_rms import ClipByRMS
from keras_gradclip.clippers.clip_by_second_moment import ClipBySecondMoment
from keras_gradclip.clippers.clip_by_value import ClipByValue
from keras_gradclip.clippers.ema_clip import EMAClip
from keras_gradclip.clippers.gradient_stabilizer import GradientStabilizer
from keras_gradclip.clippers.quantile_clip import QuantileClip
from keras_gradclip.clippers.skip_spikes import SkipSpikes
from keras_gradclip.clippers.soft_clip import SoftClip
from keras_gradclip.clippers.spectral_clip import SpectralClip
from keras_gradclip.clippers.zclip import ZClip

__all__ = [
    "AGC",
    "AdaGC",
    "AutoClip",
    "Chain",
    "ClipByNorm",
    "ClipByRMS",
    "ClipBySecondMoment",
    "ClipByValue",
    "EMAClip",
    "GradientStabilizer",
    "QuantileClip",
    "SkipSpikes",
    "SoftClip",
    "SpectralClip",
    "ZClip",
]

"""A model that holds layers of any kind, each called on its own input."""

from functools import partial

import keras


class Held(keras.Model):
    """A custom model with weights of its own and layers in several containers."""

    def __init__(self, *pairs, **kwargs):
        super().__init__(**kwargs)
        # As Keras tracks them: in a dict in a list.
        self.pairs = [{"layer": layer} for layer, *_ in pairs]
        self.builders = [partial(layer.build, *shapes) for layer, *shapes in pairs]
        self.unused = keras.layers.Dense(3)

    def build(self, _=None):
        self.mix = self.add_weight(shape=(2, 4, 3), name="mix")
        self.scale = self.add_weight(shape=(2, 3), name="scale")
        for build in self.builders:
            build()
        self.built = True

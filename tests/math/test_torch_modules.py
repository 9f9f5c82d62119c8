"""The parameters of torch modules in Keras models."""

import keras
import numpy as np
import pytest

from keras_gradclip import AGC, ClipByNorm, ClippedModel, optimizers, unit_axes_of
from keras_gradclip._math.torch_modules import parameters_of

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="wraps torch modules"
)
torch = pytest.importorskip("torch")
nn = torch.nn


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.mha = nn.MultiheadAttention(4, 2)
        self.token = nn.Parameter(torch.ones(1, 1, 4))


MODULES = {
    "linear": (lambda: nn.Linear(3, 2), {"weight": (1,), "bias": (0,)}),
    "no_bias": (lambda: nn.Linear(3, 2, bias=False), {"weight": (1,)}),
    "bilinear": (lambda: nn.Bilinear(3, 4, 2, bias=False), {"weight": (1, 2)}),
    "conv1d": (lambda: nn.Conv1d(3, 2, 2), {"weight": (1, 2), "bias": (0,)}),
    "conv2d": (
        lambda: nn.Conv2d(4, 4, 2, groups=2),
        {"weight": (1, 2, 3), "bias": (0,)},
    ),
    "up1d": (lambda: nn.ConvTranspose1d(3, 2, 2), {"weight": (0, 2), "bias": (0,)}),
    "up2d": (lambda: nn.ConvTranspose2d(3, 2, 2), {"weight": (0, 2, 3), "bias": (0,)}),
    "embedding": (lambda: nn.Embedding(5, 3), {"weight": (1,)}),
    "batch_norm": (lambda: nn.BatchNorm2d(3), {"weight": (0,), "bias": (0,)}),
    "layer_norm": (lambda: nn.LayerNorm((3, 2)), {"weight": (0, 1), "bias": (0, 1)}),
    "lstm": (
        lambda: nn.LSTM(3, 4),
        {
            "weight_ih_l0": (1,),
            "weight_hh_l0": (1,),
            "bias_ih_l0": (0,),
            "bias_hh_l0": (0,),
        },
    ),
    "nested": (
        lambda: nn.Sequential(
            nn.Linear(3, 2), nn.Sequential(nn.ConvTranspose1d(2, 1, 1))
        ),
        {"0/weight": (1,), "0/bias": (0,), "1/0/weight": (0, 2), "1/0/bias": (0,)},
    ),
    "attention": (
        Attention,
        {
            "token": (1, 2),
            "mha/in_proj_weight": (1,),
            "mha/in_proj_bias": (0,),
            "mha/out_proj/weight": (1,),
            "mha/out_proj/bias": (0,),
        },
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_paths_and_axes_are_those_of_the_module(name):
    make, expected = MODULES[name]
    wrapper = keras.layers.TorchModuleWrapper(make(), name="w")
    found = parameters_of(wrapper)
    # By identity: each is the parameter of that name.
    parameters = dict(wrapper.module.named_parameters())
    for variable in wrapper.variables:
        path = found[id(variable)].path.removeprefix("w/")
        assert parameters[path.replace("/", ".")] is variable.value
    axes = {p.path.removeprefix("w/"): p.axes for p in found.values()}
    assert axes == expected


def test_frozen_parameters_do_not_shift_the_others():
    module = nn.Sequential(nn.Linear(3, 2), nn.Embedding(4, 3))
    module[0].weight.requires_grad_(False)
    wrapper = keras.layers.TorchModuleWrapper(module, name="w")
    found = parameters_of(wrapper)
    assert [found[id(v)].path for v in wrapper.trainable_variables] == [
        "w/0/bias",
        "w/1/weight",
    ]


class Net:
    """Attributes of the model are wrapped by Keras."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
        self.head = nn.Linear(3, 1)

    def call(self, inputs):
        return self.head(self.body(inputs))


class Clipped(Net, ClippedModel):
    pass


class Plain(Net, keras.Model):
    pass


x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
y = x.sum(1, keepdims=True)


def trained(model, optimizer):
    keras.utils.set_random_seed(0)
    model(x)
    model.compile(optimizer, "mse")
    model.fit(x, y, verbose=0)
    return model


def test_a_clipped_model_finds_units_and_layers_and_what_to_leave_out():
    model = trained(Clipped(), optimizers.SGD(clipper=AGC(0.01, exclude="_1/weight$")))
    groups = model.optimizer.clip_state.groups
    assert groups.unit_axes == ((1,), (0,), (1,), (0,))
    assert groups.left_out == [2]
    clipper = ClipByNorm(1.0, scope="layer")
    model = trained(Clipped(), optimizers.SGD(clipper=clipper))
    body, head = (layer.name for layer in model.layers)
    assert model.optimizer.clip_groups == (f"{body}/0", head)


def test_a_plain_model_warns_unless_it_is_told():
    with pytest.warns(UserWarning, match=r"torch's is the first"):
        trained(Plain(), optimizers.SGD(clipper=AGC()))
    model = Plain()
    axes = unit_axes_of(model.body) | unit_axes_of(model.head)
    trained(model, optimizers.SGD(clipper=AGC(unit_axes=axes)))
    assert model.optimizer.clip_state.groups.unit_axes == ((1,), (0,), (1,), (0,))

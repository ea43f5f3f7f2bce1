"""The sections of a recipe: one pydantic model for each of the TOML file. Times are in seconds."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from spikescan.data.audio_options import AudioOptions
from spikescan.firing import FIRINGS
from spikescan.losses import READOUTS
from spikescan.training import custom, networks, neurons, optimisers

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Step = Annotated[float, Field(gt=0, le=1e6)]
"""Of a learning rate: far below what float32 cannot hold after an optimiser's corrections."""


def _one_of(value: str, choices: Iterable[str]) -> str:
    if value not in choices:
        raise ValueError(f"{value!r} is unknown, choose from {', '.join(choices)}")
    return value


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        found = value if isinstance(value, list) else [value]
        if bool not in (kind, *get_args(kind)) and any(isinstance(item, bool) for item in found):
            raise ValueError("true and false are no value for this key")
        return value


class DataRecipe(Section):
    """Which recordings, and how they become batches (T, B, channels)."""

    name: str = "digits"
    root: str | None = None
    """Folder that holds the set in its native layout."""
    channels: Count | None = None
    """Input channels before pooling; None takes what the files say."""
    dt: Annotated[float, Field(ge=1e-6)] | None = 10e-3
    """Width of a bin; a bin holds the number of its events. At least 1 µs, the resolution of the events. "auto" takes
    what the data suggest, between 50 and 500 bins for the median recording; the run's own recipe says which."""
    frames: Count | None = None
    """Cut every sample into this many frames instead of bins of width ``dt``."""
    frame_by: Literal["duration", "number"] = "duration"
    """Frames of equal duration, or of equal numbers of events."""
    pool: Count = 1
    """Neighbouring channels that are added up."""
    ordered_channels: bool = False
    """Of own recordings: neighbouring channels are alike, as a cochlea's are, so that ``augment`` may move events
    among them."""
    augment: bool | None = False
    """Change training samples by chance. "auto": where the channels are ordered, by what the data or its author say."""
    scale: Share = 0.3
    """Augmentation: both axes are scaled by a factor within 1 ± scale."""
    shift: Share = 0.1
    """Augmentation: channels are shifted by up to this share of them."""
    crop: Annotated[int, Field(ge=0)] = 0
    """Augmentation of camera events: pixels of zero padding on each side, from which the sensor's size is cropped."""
    flip: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Augmentation of camera events: probability that left and right change places."""
    drop: Share = 0.0
    """Augmentation of camera events: share of the events that are left out."""
    tail: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Seconds of silence behind each sample, in which a network with delays hears its end."""
    pad: Literal["left", "right"] = "right"
    mask: bool = True
    """Padding counts in no readout, spike count or batch statistic."""
    limit: Count | None = None
    """At most this many samples of each class in each split, for a quick look."""

    @field_validator("dt", "augment", mode="before")
    @classmethod
    def _auto(cls, value: Any) -> Any:
        return None if value == "auto" else value

    @property
    def step(self) -> float:
        """``dt`` in seconds, once it is known."""
        return 10e-3 if self.dt is None else self.dt

    @property
    def masked(self) -> bool:
        """Whether there is padding to be masked: samples that are cut into frames have none."""
        return self.mask and self.frames is None

    @model_validator(mode="after")
    def _mask_needs_right_padding(self) -> Self:
        if self.mask and self.pad == "left":
            raise ValueError("mask = true masks what follows a sample: it needs pad = 'right'")
        return self


class AudioRecipe(AudioOptions, Section):
    """Of data set audio: which sounds there are, and which front end makes spikes of them."""


Range = (
    Annotated[float, Field(ge=0)] | Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]
)


class NeuronRecipe(Section):
    """The hidden neurons; each kind takes the values that it has a use for."""

    name: str = "spsn-gs"
    tau_mem: Positive = 20e-3
    tau_syn: Positive | None = 20e-3
    threshold: Positive | None = None
    """None: the neuron's own (1 for lif, vanilla-lif and mpe-psn)."""
    firing: str | None = None
    """How spsn fires: a name of ``spikescan.firing.FIRINGS``, or a custom one as "module:Name"."""
    tau_steps: Positive | None = None
    """tau_mem and tau_syn (of the readout as well, where it has them) as so many steps in place of seconds, for data
    whose step is chosen from them."""
    tau: Range | None = None
    """Of resonate-and-fire and c-silif, seconds, one or (lowest, highest) over which a layer's neurons are spread."""
    frequency: Range | None = None
    """Likewise, hertz."""
    learn_tau: bool = False
    """Learn a decay for each neuron (for each layer of a convolutional network), starting at the taus."""
    learn_frequency: bool = False
    input_gain: Literal["leaky", "unit", "normalised", "dt"] | None = None
    """How strongly a membrane takes its current; None: the neuron's own."""
    surrogate: str | None = None
    """Of a threshold's derivative, where firing or neuron has one: a name of ``spikescan.firing.SURROGATES``."""
    decay: Share = 0.25
    """Membrane decay a step of mpe-psn and vanilla-lif, dimensionless."""
    estimate: Literal["previous", "current"] = "previous"

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return custom.known(name) or _one_of(name, neurons.names())

    @field_validator("firing")
    @classmethod
    def _known_firing(cls, name: str | None) -> str | None:
        return name and (custom.known(name) or _one_of(name, FIRINGS))


class NetworkRecipe(Section):
    """Each kind takes the keys that it has a use for, and has a value of its own where one is None."""

    kind: Literal["mlp", "conv", "gesture", "vgg", "resnet19"] = "mlp"
    hidden: list[Count] | None = None
    """Neurons of each fully connected layer (mlp: 128, 128, 128)."""
    plan: Annotated[list[Count | Literal["max", "average"]], Field(min_length=1)] | None = None
    """Of conv: channels of each 3 x 3 convolution in order, and "max" or "average" for a pooling of 2 x 2."""
    width: Count | None = None
    """Channels of the first convolution of the published networks, which scales the others."""
    size: Count | None = None
    """Side of the square to which frames are resized; where the network has none of its own, they are not."""
    steps: Count | None = None
    """Steps for which a single frame is shown, a constant current."""
    norm: bool = False
    """BatchNorm behind every hidden Linear, which then has no bias; convolutions always have it."""
    dropout: Share | None = None
    bias: bool | None = None
    delays: Literal["axonal"] | None = None
    """Learn a delay for each channel in front of every Linear (of mlp)."""
    max_delay: Positive = 0.25
    """Seconds."""
    residual: bool | None = None
    """Add to a hidden layer's output that of the layer before (of mlp)."""
    outputs: Count | None = None
    """Neurons of the readout; None: one a class of the data. The published networks have 20, whatever the data."""
    init: Literal["auto", "published", "torch"] = "auto"
    """auto: the published initialisation for spiking neurons, PyTorch's own for the others."""
    readout: Literal["auto", "leaky", "linear"] = "auto"
    """auto: a leaky integrator behind spiking neurons, a plain Linear behind the others."""
    readout_tau_mem: Positive = 20e-3
    readout_tau_syn: Positive | None = 20e-3

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        networks.check_keys(self)
        if self.kind == "mlp" and self.hidden == []:
            raise ValueError("hidden = [] leaves an mlp without neurons")
        return self


class LossRecipe(Section):
    kind: Literal["cross-entropy", "tet"] = "cross-entropy"
    class_weights: bool = False
    """Weigh each class by the inverse of its share of the training samples (of cross-entropy)."""
    readout: str = "mean"
    tet_weight: Share = 1e-3
    rate_limit: Annotated[float, Field(ge=0, le=1)] | None = None
    """θ of SPSN eq. 21, spikes a step and neuron; None leaves the regulariser out."""
    estimation_weight: Share = 1e-3
    """λ_mem of MPE-PSN, for neurons that return an estimation loss."""
    estimation_epochs: Count | None = 150
    """Epochs, from the first, in which λ_mem counts."""
    estimation_floor: bool = False
    """Keep the sum of the layers' L_mem from falling below 0, as the released CIFAR-10 code does."""
    learn_kappa: bool = True
    """Learn κ, as published. It then falls, the faster the larger its loss is, and may turn negative: the loss then
    drives estimate and membrane apart. false keeps κ where it starts."""
    watch_membrane: bool = False
    """After every epoch, measure as well how far the membranes of mpe-psn are from those of its sequential LIF."""

    @field_validator("readout")
    @classmethod
    def _known(cls, readout: str) -> str:
        return _one_of(readout, READOUTS)


class TrainingRecipe(Section):
    epochs: Count = 40
    batch_size: Count = 64
    optimiser: str = "adamax"
    lr: Step = 1e-3
    """The peak of the schedule."""
    weight_decay: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    schedule: str = "constant"
    delay_lr: Step = 1.0
    """Of delays, in steps: so many times ``lr``; they have no weight decay."""
    delay_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Share of the epochs, from the first, over which the delays' Gaussians narrow to a step."""
    precision: Literal["32", "16", "bf16"] = "32"
    mixup: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that a batch is mixed up: its samples' events add up in pairs, with weights λ and 1 - λ."""
    mixup_beta: Positive = 0.5
    """λ is drawn from Beta(mixup_beta, mixup_beta)."""
    mixup_epochs: Count | None = 141
    """Epochs, from the first, in which batches are mixed up."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    early_stopping: Count | None = None
    """Stop after this many epochs without a better validation accuracy."""
    init_from: str | None = None
    """Folder of a run whose weights are the first; a layer of another shape (other classes) begins anew."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that make batches while the network computes; 0 makes them in between."""
    logger: Literal["tensorboard", "csv", "wandb", "mlflow"] = "tensorboard"
    """Whose files or service hold the history, beside metrics.csv."""
    pictures: Literal["png", "svg", "pdf"] = "png"
    """File format of the run's pictures."""

    @field_validator("precision", mode="before")
    @classmethod
    def _number(cls, precision: Any) -> Any:
        """``--set training.precision=16`` is read as TOML, and so as a number."""
        return str(precision) if isinstance(precision, int) else precision

    @field_validator("optimiser")
    @classmethod
    def _known_optimiser(cls, name: str) -> str:
        return _one_of(name, optimisers.OPTIMISERS)

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, name: str) -> str:
        return _one_of(name, optimisers.SCHEDULES)

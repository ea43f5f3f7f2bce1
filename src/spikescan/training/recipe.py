"""What a training run is made of, and what its open values come to. The sections are in ``sections.py``."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from spikescan.errors import InputError
from spikescan.training import networks, neurons
from spikescan.training.sections import (
    AudioRecipe,
    DataRecipe,
    LossRecipe,
    NetworkRecipe,
    NeuronRecipe,
    Section,
    TrainingRecipe,
)


class ProtocolRecipe(Section):
    """``held-out``: a validation split chooses the epoch, the test set is used once. ``published``: trained
    on the whole training file, judged after the last epoch."""

    name: Literal["held-out", "published"] = "held-out"
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training file, stratified by class."""
    holdout_speaker: int | None = None
    """This speaker's recordings are the validation split."""
    test: Literal["once", "every-epoch"] = "once"
    drop_last: bool = False
    """Leave out the test samples behind the last full batch, as the published loaders of MPE-PSN do."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.name == "held-out" and self.test == "every-epoch":
            raise ValueError(
                "the held-out protocol uses the test set once: test = 'every-epoch' needs name = 'published'"
            )
        if self.name == "held-out" and self.drop_last:
            raise ValueError("the held-out protocol counts every test sample: drop_last needs name = 'published'")
        if self.name == "published" and self.holdout_speaker is not None:
            raise ValueError("the published protocol trains on the whole training file and holds out no speaker")
        return self


class Recipe(Section):
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    data: DataRecipe = DataRecipe()
    audio: AudioRecipe = AudioRecipe()
    neuron: NeuronRecipe = NeuronRecipe()
    network: NetworkRecipe = NetworkRecipe()
    loss: LossRecipe = LossRecipe()
    training: TrainingRecipe = TrainingRecipe()
    protocol: ProtocolRecipe = ProtocolRecipe()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.data.name != "audio" and self.audio != AudioRecipe():
            raise ValueError(f"audio: its keys are for data set audio, not {self.data.name}")
        if self.training.early_stopping is not None and self.protocol.name == "published":
            raise ValueError("training.early_stopping: the published protocol holds out no validation samples to watch")
        if self.loss.class_weights and self.loss.kind != "cross-entropy":
            raise ValueError(f"loss.class_weights: {self.loss.kind} has none; take loss.kind = 'cross-entropy'")
        return self

    @property
    def steps(self) -> int | None:
        """Steps of every sample as the neurons see it, where that is fixed."""
        return (self.network.steps if self.data.frames == 1 else None) or self.data.frames

    def resolved(self) -> "Recipe":
        """The same recipe with every ``auto`` replaced by what it stands for.

        Raises:
            InputError: for a rate limit on neurons that do not spike.
        """
        spiking = neurons.spiking(self)
        if self.loss.rate_limit is not None and not spiking:
            raise InputError(f"loss.rate_limit limits spikes, and neuron {self.neuron.name} gives none: leave it out")
        network = self._network(spiking)
        frames = self.data.frames or (neurons.FRAMES if neurons.fixed_steps(self.neuron.name) else None)
        data: dict[str, Any] = {"frames": frames} | ({"tail": 0.0} if frames else {})  # a frame has no duration, so
        network |= {"delays": None} if frames else {}  # there is no silence and no delay in seconds
        renamed = self.neuron.firing is not None and self.neuron.name in ("spsn-sb", "spsn-gs")
        return self.model_copy(
            update={
                "neuron": self.neuron.model_copy(update={"name": "spsn"}) if renamed else self.neuron,
                "network": self.network.model_copy(update=network),
                "data": self.data.model_copy(update=data),
            }
        )

    def settled(self, dt: float, ordered: bool) -> "Recipe":
        """The same recipe with nothing left to the data: ``dt`` seconds and augmentation where channels are ``ordered``
        for "auto", and time constants that were given in steps in seconds."""
        step = dt if self.data.dt is None else self.data.dt
        neuron, network = self.neuron, self.network
        if (steps := neuron.tau_steps) is not None:
            taus = {"tau_mem": steps * step, "tau_syn": neuron.tau_syn and steps * step}
            readout = {
                "readout_tau_mem": steps * step,
                "readout_tau_syn": network.readout_tau_syn and steps * step,
            }
            neuron = neuron.model_copy(update=taus | {"tau_steps": None})
            network = network.model_copy(update=readout if network.kind == "mlp" else {})
        chosen: dict[str, Any] = {"dt": step}
        if self.data.augment is None:
            chosen |= {"augment": ordered, "ordered_channels": ordered}
        data = self.data.model_copy(update=chosen)
        return self.model_copy(update={"data": data, "neuron": neuron, "network": network})

    def _network(self, spiking: bool) -> dict[str, Any]:
        """The values of the network that are left open, and what they stand for."""
        values = self.network
        auto = {"init": "published", "readout": "leaky"} if spiking else {"init": "torch", "readout": "linear"}
        auto = auto if values.kind == "mlp" else networks.OF_CONVOLUTIONS
        own = networks.own(values.kind) | auto
        return {key: own[key] for key, given in values if given in (None, "auto") and key in own}

"""How a folder of sound files is read and turned into spikes, or values: the section [audio] of a recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

CHANNELS = {"cochlea": 700, "log-mel": 128, "raw": 1}


class AudioOptions(BaseModel):
    """Which sounds there are, which are for testing, and which front end makes spikes of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    front_end: Literal["cochlea", "log-mel", "raw"] = "cochlea"
    """raw: the samples themselves, as real-valued data."""
    causal: bool = True
    """The cochlea for streams, its membrane fitted by a few poles; false takes the exact one, which needs the whole
    recording. The others are always causal."""
    channels: Annotated[int, Field(ge=1)] | None = None
    """None: 700 of the cochlea, 128 of log-mel."""
    gain: Annotated[float, Field(gt=0)] | None = None
    """What the samples are multiplied by, of the causal cochlea; None: its own."""
    coding: Literal["delta", "rate"] = "delta"
    """Of log-mel."""
    rate: Annotated[int, Field(ge=1000, le=1_000_000)] | None = None
    """Of raw: samples a second; None: 8000."""
    pattern: str | None = None
    """What file names say, without their suffix: "{label}_{speaker}_{take}", with any names for further fields."""
    test: str | None = None
    """Which recordings are the test part, by a field of the pattern or a column of the CSV: "take<=4", "take=0,1,2",
    "speaker=theo"."""
    csv: str | None = None
    """File with the columns file and label, if wanted speaker and split; relative to the recordings' folder."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the front end's draws; each recording has a seed of its own, made of this one and the file's name."""

    @model_validator(mode="after")
    def _used(self) -> AudioOptions:
        if self.front_end != "cochlea" and not self.causal:
            raise ValueError(f"causal = false is for the cochlea; {self.front_end} is causal")
        if self.front_end != "log-mel" and self.coding != "delta":
            raise ValueError(f"coding = '{self.coding}' is for log-mel; {self.front_end} has none")
        if self.front_end != "raw" and self.rate is not None:
            raise ValueError(f"rate = {self.rate} is for raw; {self.front_end} has its own")
        if self.front_end == "raw" and self.channels not in (None, 1):
            raise ValueError(f"channels = {self.channels} is for the cochlea and log-mel; raw has one")
        if self.gain is not None and not (self.front_end == "cochlea" and self.causal):
            raise ValueError("gain is of the causal cochlea; the exact one brings every recording to one loudness")
        if self.csv is not None and self.pattern is not None:
            raise ValueError("csv and pattern both say what the recordings are: leave one out")
        return self

    def settings(self) -> dict[str, Any]:
        """Every setting of the front end, as it reports them. InputError for values that it cannot have."""
        from spikescan import audio

        if self.front_end == "raw":
            return audio.from_settings({"kind": "raw"} | ({} if self.rate is None else {"rate": self.rate})).settings()
        kind = "causal-cochlea" if self.front_end == "cochlea" and self.causal else self.front_end
        given: dict[str, Any] = {"kind": kind, "channels": self.channels or CHANNELS[self.front_end], "seed": self.seed}
        given |= {"coding": self.coding} if kind == "log-mel" else {}
        given |= {} if self.gain is None else {"gain": self.gain}
        return audio.from_settings(given).settings()

"""A model that the program has never heard of, with a field of every kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.setting import AutoCount, LocalPath, Number, Section, Text, When, fail, setting


class Cat(Section):
    """Sleeps on the bonnet."""

    type: Literal["cat"] = setting("cat", title="Type", text="Purrs")
    name: Text = setting(title="Name", text="What it does not listen to", example="Tom")
    lives: int = setting(9, title="Lives", text="How many are left", ge=1, le=9)


class Dog(Section):
    """Barks at the mirror."""

    type: Literal["dog"] = setting("dog", title="Type", text="Barks")
    name: Text = setting(title="Name", text="What it listens to", example="Rex")


class Wheel(Section):
    """Rolls."""

    size: int = setting(16, title="Size", text="Diameter", ge=1, unit="inches")


class Engine(Section):
    """What drives it."""

    power: Number = setting(
        90.0, title="Power", text="At full speed", gt=0, le=1000, unit="kW", recommended=110.0, speed="more is faster"
    )
    turbo: bool = setting(False, title="Turbo", text="Blows", advanced=True)
    boost: Number = setting(1.2, title="Boost", text="How hard it blows", ge=1, when=When("engine.turbo", (True,)))


class Toy(Section):
    """A car."""

    label: str = setting("car", title="Label", text="On the plate")
    doors: int = setting(4, title="Doors", text="To get in", ge=1, le=5)
    cylinders: AutoCount = setting("auto", title="Cylinders", text="Or let the factory decide")
    fuel: Literal["petrol", "diesel", "none"] = setting("petrol", title="Fuel", text="What it drinks")
    log: LocalPath | None = setting(None, title="Log", text="Where trips are written")
    notes: str | None = setting(None, title="Notes", text="Anything", multiline=True)
    extras: list[str] = setting(factory=list, title="Extras", text="What was ordered")
    size: Annotated[tuple[int, int, int], Field(strict=False)] = setting(
        (4, 2, 1), title="Size", text="Length, width, height", unit="m"
    )
    papers: dict[str, Any] = setting(factory=dict, title="Papers", text="Whatever the office wants")
    engine: Engine = setting(factory=Engine, title="Engine", text="What drives it")
    trailer: Wheel | None = setting(None, title="Trailer", text="Behind it")
    wheels: list[Wheel] = setting(factory=list, title="Wheels", text="What it rolls on")
    driver: Annotated[Cat | Dog, Field(discriminator="type")] | None = setting(
        None, title="Driver", text="At the wheel"
    )
    pets: list[Annotated[Cat | Dog, Field(discriminator="type")]] = setting(factory=list, title="Pets", text="Aboard")

    @model_validator(mode="after")
    def _turbo_needs_fuel(self) -> Toy:
        if self.engine.turbo and self.fuel == "none":
            fail("a turbo blows fuel", hint="set fuel, or engine.turbo to false", at="fuel", also=("engine.turbo",))
        return self

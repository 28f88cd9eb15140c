"""The published suite of simulated rollouts: which traffic, and what the release does to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from judge_traffic import NONE, Bursts, Harm, Setting, constant, cycle, steady, stepped

POINT = 0.01


@dataclass(frozen=True, slots=True)
class Family:
    """Settings of one sort, each with the harms that are done in it.

    Attributes:
        name: For people.
        members: Settings with their harms.
        is_counted: Whether its rows count for the goals; a family that breaks what any such test assumes does not.
        has_peers: Whether the peers judge its harmful rows.
    """

    name: str
    members: tuple[tuple[Setting, tuple[Harm, ...]], ...]
    is_counted: bool = True
    has_peers: bool = True


SOON = "at once"
AT_ONCE = (
    ("a look each 5 s, nothing known", 5.0, None),
    ("a look each 5 s, no bursts before", 5.0, 1.0),
    ("a look each second, nothing known", 1.0, None),
)
"""In words, seconds from look to look, and the over-dispersion that is known before the rollout."""


def suite() -> tuple[Family, ...]:
    """All families."""
    return (_steady(), _cycles(), _splits(), _shapes(), _bursts(), _at_once(), _edges(), _outside())


def _steps(*points: float) -> tuple[Harm, ...]:
    return tuple(Harm(each * POINT) for each in points)


def _steady() -> Family:
    members = [
        (constant(rate, base * POINT), _steps(0.1, 0.5, 1, 5)) for rate in (10, 100, 1000) for base in (0, 0.1, 1, 2)
    ]
    members.append((constant(10, 0.01 * POINT), _steps(0.1)))
    members.append((constant(100, 30 * POINT), _steps(1, 5)))
    return Family("steady", tuple(members))


def _cycles() -> Family:
    share = stepped(0.05, 0.1, 0.15, 0.2)
    base = cycle(0.2 * POINT, 2 * POINT)
    fixed = Setting("base .2-2-.2 %, 400/s, candidate 5-20 % in steps", (400 * share, 400 * (1 - share)), base)
    volume = cycle(100.0, 400.0)
    moving = replace(fixed, name="the same, traffic 100-400-100/s", rates=(volume * share, volume * (1 - share)))
    return Family("daily cycle, varying split", ((fixed, _steps(0.25, 0.5, 1)), (moving, _steps(0.5, 1))))


def _splits() -> Family:
    members = []
    for total in (20, 200, 2000):
        name = f"10:90 of {total}/s, 1 %"
        arms = (steady(0.1 * total), steady(0.9 * total))
        members.append((Setting(name, arms, steady(POINT)), _steps(0.5, 1, 5)))
    members.append((Setting("1:99 of 2000/s, 1 %", (steady(20), steady(1980)), steady(POINT)), _steps(1, 5)))
    members.append((Setting("10:90 of 200/s, 0 %", (steady(20), steady(180)), steady(0.0)), _steps(0.1, 1)))
    return Family("unequal split", tuple(members))


def _shapes() -> Family:
    usual = constant(100, POINT)
    late = [Harm(POINT, onset=onset) for onset in (0.25, 0.5, 0.75, 0.9)] + [Harm(5 * POINT, onset=0.9)]
    leaks = [Harm(each * POINT, "leak") for each in (0.5, 1, 5)]
    instances = [Harm(each * POINT, "instance") for each in (0.5, 1)] + [Harm(2 * POINT, "flapping")]
    few = constant(10, 0.1 * POINT)
    return Family(
        "late onset, slow leak, one bad instance",
        (
            (usual, (*late, *leaks, *instances)),
            (few, (*(Harm(POINT, onset=onset) for onset in (0.5, 0.75, 0.9)), Harm(POINT, "leak"))),
        ),
    )


def _bursts() -> Family:
    members = [(_burst(100, Bursts(phi), f"bursts of one arm, phi {phi}"), _steps(1, 5)) for phi in (2, 5, 10, 30)]
    for phi in (2, 5, 10, 30):
        common = Bursts(phi, common=True)
        members.append((_burst(100, common, f"bursts of both arms, phi {phi}"), _steps(0.5, 1)))
    members += [
        (_burst(100, Bursts(5, retried=True), "retries, phi 5"), _steps(1, 5)),
        (_burst(10, Bursts(5), "bursts of one arm, phi 5"), _steps(5)),
        (_burst(1000, Bursts(10), "bursts of one arm, phi 10"), _steps(1, 5)),
    ]
    split = Setting("10:90 of 200/s, 1 %, bursts of one arm, phi 5", (steady(20), steady(180)), steady(POINT))
    members.append((replace(split, bursts=Bursts(5)), _steps(1, 5)))
    return Family("bursts", tuple(members))


def _burst(rate: float, bursts: Bursts, said: str) -> Setting:
    setting = constant(rate, POINT, bursts=bursts)
    return replace(setting, name=f"{setting.name}, {said}")


def _at_once() -> Family:
    """Great harm, which should be found before ten seconds are over; no peer has even looked by then."""
    members = []
    for said, tick, dispersion in AT_ONCE:
        for base in (0, 0.1, 1, 2):
            setting = constant(100, base * POINT, tick=tick, dispersion=dispersion)
            members.append((replace(setting, name=f"{setting.name}, {said}"), _steps(5)))
    known = _burst(100, Bursts(5), "bursts of one arm, phi 5, known before")
    members.append((replace(known, dispersion=5.0), _steps(5)))
    return Family(SOON, tuple(members), has_peers=False)


def _edges() -> Family:
    """The worst that is tolerated, which must not be failed."""
    members = []
    for rate, base, ratio, tolerate in (
        (100, 1, 1.0, 0.5),
        (100, 1, 1.2, 0.2),
        (100, 1, 1.5, 0.0),
        (10, 0, 1.0, 0.5),
        (1000, 2, 1.0, 0.5),
        (100, 30, 1.0, 2.0),
    ):
        name = f"{rate}/s, {base:g} %, {ratio:g} x + {tolerate:g} pp tolerated and there"
        edge = constant(rate, base * POINT, ratio=ratio, tolerate=tolerate * POINT)
        members.append((replace(edge, name=name), ()))
    return Family("as bad as is tolerated", tuple(members))


def _outside() -> Family:
    """Bursts that last beyond a tick break the guard's assumption, as they break any test that counts."""
    members = [
        (
            _burst(100, Bursts(phi, lasting=lasting), f"bursts of {5 * lasting} s in one arm, phi {phi} a tick"),
            _steps(5),
        )
        for phi, lasting in ((5, 3), (5, 12), (30, 12))
    ]
    return Family("outside the assumptions: lasting bursts", tuple(members), is_counted=False)


# --- wrong passes ------------------------------------------------------------------------------------

PASSES = "harm of twice the margin"
PASS_ALPHA = 0.01
ONSETS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def twice_the_margin() -> tuple[tuple[Setting, tuple[Harm, ...]], ...]:
    """Settings whose margin is half of the harm done, from each onset on, and slowly leaking in."""
    found = []
    for rate, base, margin in (
        (10, 1, 2.5),
        (100, 0.1, 0.5),
        (100, 1, 0.5),
        (100, 1, 1),
        (1000, 1, 0.5),
        (1000, 0, 0.1),
    ):
        setting = constant(rate, base * POINT, margin=margin * POINT, alpha=PASS_ALPHA)
        named = replace(setting, name=f"{setting.name}, margin {margin:g} pp")
        harm = 2 * margin * POINT
        steps = tuple(Harm(harm, onset=onset) for onset in ONSETS)
        found.append((named, (NONE, *steps, Harm(harm, "leak"), Harm(harm, "instance"))))
    return tuple(found)

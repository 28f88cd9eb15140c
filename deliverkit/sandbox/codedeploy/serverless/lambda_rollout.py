"""Deployments to Lambda: an alias goes from one version to the next (user guide, deployment-steps-lambda)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from deliverkit.sandbox.codedeploy.lifecycle import ALLOWING
from deliverkit.sandbox.codedeploy.serverless import aliases
from deliverkit.sandbox.codedeploy.serverless.rollout import ServerlessRollout
from deliverkit.sandbox.codedeploy.serverless.state import LambdaShift
from deliverkit.sandbox.codedeploy.state import Deployment, Ending


@dataclass(frozen=True, slots=True)
class LambdaRollout(ServerlessRollout):
    """Shifts the alias of the appspec."""

    cap: ClassVar[timedelta] = timedelta(hours=50)

    @property
    def shift(self) -> LambdaShift:
        """What moves."""
        return shift_of(self.deployment)

    def choose_targets(self) -> None:
        """The function."""
        found = self.appspec().properties
        shift = LambdaShift(found["name"], found["alias"], found["currentversion"], found["targetversion"])
        self.carried.shift = shift
        self.put_target(shift.function, aliases.function_arn(self.deployment.group, shift.function), ALLOWING)

    def obstacle(self) -> Ending | None:
        """The function, its versions and its alias must fit the appspec."""
        return aliases.obstacle(self.world, self.deployment.group, self.shift)

    def route(self, percent: float) -> None:
        """Set the alias's weights."""
        self.shift.began = True
        aliases.route(self.world, self.deployment.group, self.shift, percent)


@dataclass(frozen=True, slots=True)
class LambdaBack(ServerlessRollout):
    """The rollback: the alias goes back at once to the version that it had, and to that alone.

    Whether hooks run again is not documented; here they do not, as a rollback undoes what they did no more than that.
    """

    cap: ClassVar[timedelta] = timedelta(hours=50)

    def choose_targets(self) -> None:
        """The same function, in the other direction."""
        before = self.triggering()
        if before is None or not isinstance(before.serverless and before.serverless.shift, LambdaShift):
            return  # the deployment failed before it knew a function
        shift = shift_of(before)
        self.carried.shift = LambdaShift(shift.function, shift.alias, shift.target, shift.current, began=shift.began)
        self.put_target(shift.function, aliases.function_arn(self.deployment.group, shift.function), ALLOWING)

    def obstacle(self) -> Ending | None:
        """Nothing: it must go back."""
        return None

    def route(self, percent: float) -> None:
        """Take the alias back, when it was moved at all."""
        shift = shift_of(self.deployment)
        if shift.began:
            aliases.point(self.world, self.deployment.group, shift, shift.target, {})
        shift.weight = percent


def shift_of(deployment: Deployment) -> LambdaShift:
    """What moves in a deployment to Lambda."""
    shift = deployment.serverless and deployment.serverless.shift
    if not isinstance(shift, LambdaShift):
        raise TypeError(f"{deployment.deployment_id} shifts no alias")
    return shift

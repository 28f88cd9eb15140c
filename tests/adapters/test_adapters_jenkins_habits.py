"""The controller of tests has the habits that were measured on a real one: python-jenkins alone stumbles over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jenkins_controller import ALICE, PASSWORD, REQUEST, TOKEN, Controller, running_controller

import jenkins


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    with running_controller() as running:
        yield running


def library(controller: Controller, secret: str = TOKEN) -> Any:
    return jenkins.Jenkins(controller.url, ALICE, secret, timeout=10)


def test_the_first_call_carries_no_credentials(controller: Controller) -> None:
    handle = library(controller)
    controller.add_job("smoke")
    with pytest.raises(jenkins.BadHTTPException):
        handle.get_version()
    handle.get_whoami()
    assert handle.get_version()


def test_a_request_that_was_merged_looks_like_a_missing_job(controller: Controller) -> None:
    controller.add_job("merged")
    handle = library(controller)
    handle.build_job("merged", {REQUEST: "r1"})
    with pytest.raises(jenkins.NotFoundException):
        handle.build_job("merged", {REQUEST: "r1"})
    assert len(controller.waiting("merged")) == 1


def test_pages_end_up_in_messages(controller: Controller) -> None:
    controller.add_job("bare", parameters=None)
    with pytest.raises(jenkins.JenkinsException, match="This build is not parameterized!") as caught:
        library(controller).build_job("bare", {"VERSION": "1"})
    assert "<script" in str(caught.value)
    assert len(str(caught.value)) > 2000


def test_a_restart_leaks_another_librarys_error_and_spoils_the_crumbs_of_passwords(controller: Controller) -> None:
    controller.add_job("restarted")
    by_password, by_token = library(controller, PASSWORD), library(controller)
    by_password.build_job("restarted", {REQUEST: "r1"})
    controller.restart(resets=1, starting=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        by_token.get_whoami()
    with pytest.raises(jenkins.JenkinsException):
        by_token.get_job_info("restarted")
    by_token.build_job("restarted", {REQUEST: "r2"})
    with pytest.raises(jenkins.JenkinsException, match="No valid crumb"):
        by_password.build_job("restarted", {REQUEST: "r3"})


def test_the_queue_forgets(controller: Controller) -> None:
    controller.add_job("forgotten")
    handle = library(controller)
    item = handle.build_job("forgotten", {REQUEST: "r1"})
    assert "executable" not in handle.get_queue_item(item)
    assert handle.get_queue_item(item)["executable"]["number"] == 1
    controller.forget_queue()
    with pytest.raises(jenkins.JenkinsException, match="does not exist"):
        handle.get_queue_item(item)
    assert handle.get_build_info("forgotten", 1)["queueId"] == item


def test_a_build_is_not_found_right_after_it_was_named(controller: Controller) -> None:
    controller.add_job("quick", races=1, log="abc")
    handle = library(controller)
    handle.build_job("quick", {REQUEST: "r1"})
    controller.settle_queue()
    with pytest.raises(jenkins.JenkinsException, match="does not exist"):
        handle.get_build_info("quick", 1)
    assert handle.get_build_info("quick", 1)["building"]

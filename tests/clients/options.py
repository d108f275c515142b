"""Every command about backups that the clients have is run by this suite, and every option of each is given."""

from __future__ import annotations

import argparse
import ast
import re
from collections import defaultdict
from importlib.metadata import entry_points
from pathlib import Path

import cinderclient.v3.shell

Options = dict[str, set[str]]


def of_openstack() -> Options:
    """Without what every command has for its output."""
    found = {}
    for entry in entry_points(group="openstack.volume.v3"):
        if entry.name.startswith("volume_backup_"):
            command = entry.load()(None, None)
            everything, common = command.get_parser("x"), super(type(command), command).get_parser("x")
            found[entry.name.replace("_", " ")] = long_options(everything) - long_options(common)
    return found


def long_options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings if option.startswith("--")}


def of_cinder() -> Options:
    """Without what its help does not show."""
    return {name.removeprefix("do_").replace("_", "-"): {
        option for options, named in function.arguments for option in options
        if option.startswith("--") and named.get("help") != argparse.SUPPRESS}
        for name, function in vars(cinderclient.v3.shell).items() if name.startswith("do_backup_")}


def given(client: str) -> Options:
    """The words that stand in the calls themselves."""
    found: Options = defaultdict(set)
    for file in Path(__file__).parent.glob(f"{client}_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == client:
                command, *words = [part.value for argument in node.args for part in ast.walk(argument)
                                   if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                found[command] |= {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
    return found


def test_of_the_openstack_command():
    offered, used = of_openstack(), given("openstack")
    assert len(offered) == 9
    assert {command: options - used[command] for command, options in offered.items()} == dict.fromkeys(offered, set())
    assert {command for command in used if "backup" in command} == set(offered)


def test_of_the_cinder_command():
    offered, used = of_cinder(), given("cinder")
    assert len(offered) == 9
    assert {command: options - used[command] for command, options in offered.items()} == dict.fromkeys(offered, set())
    assert {command for command in used if "backup" in command} == set(offered)

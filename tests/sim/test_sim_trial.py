"""``elstrada sim SEED``: the same world every time, and an exit code to build on."""

from click.testing import CliRunner

from elstrada.cli.root import root


def test_a_seed_is_a_world_and_says_that_all_held():
    first, second = (CliRunner().invoke(root, ["sim", "5"]) for _ in range(2))

    assert first.exit_code == 0
    assert first.output == second.output
    assert first.output.startswith("seed 5: ")
    assert first.output.endswith("all held\n")


def test_several_worlds_in_a_row():
    result = CliRunner().invoke(root, ["sim", "5", "--worlds", "2"])

    assert [line.split(":")[0] for line in result.output.splitlines()] == ["seed 5", "seed 6"]

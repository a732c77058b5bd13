"""The SDK's own client, of both protocol eras, against a real hub; and who is not let in."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ResourceUpdatedNotification, TextContent

from tests.fakes.checkout import Checkout
from tests.fakes.running_hub import (
    PATIENCE_S,
    RunningHub,
    cart,
    environment,
    running_hub,
    scripted,
    write,
)

Era = Literal["legacy", "auto"]
ERAS: tuple[Era, ...] = ("legacy", "auto")
TOOLS = {
    "create_task", "update_task", "end_task", "check_status", "wait_task", "list_tasks",
    "report_task", "review_task", "answer_task", "undo_task", "retry_task", "merge_task",
    "resolve_task", "open_pull_request", "discard_task", "clean_state",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return cart(tmp_path_factory.mktemp("projects") / "cart")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, project: Checkout) -> Iterator[RunningHub]:
    home = tmp_path_factory.mktemp("gofer") / "home"
    with running_hub(environment(home, GOFER_PROJECTS=str(project.path))) as hub:
        yield hub


@asynccontextmanager
async def connected(hub: RunningHub, era: Era = "auto", **more: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {hub.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http:
        transport = streamable_http_client(f"{hub.url}/mcp", http_client=http)
        async with Client(transport, mode=era, **more) as client:
            yield client


def value(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, words(result)
    assert result.structured_content is not None
    return result.structured_content


def words(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


async def until_settled(client: Client, task_id: str) -> dict[str, Any]:
    since = 0
    while True:
        waited = value(
            await client.call_tool("wait_task", {"task_id": task_id, "since_seq": since})
        )
        if waited["settled"]:
            task: dict[str, Any] = waited["task"]
            return task
        since = waited["last_seq"]


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    return str(content.text)  # type: ignore[union-attr]


@pytest.mark.parametrize("era", ERAS)
async def test_a_task_from_its_creation_to_its_merge(
    hub: RunningHub, project: Checkout, era: Era
) -> None:
    name = f"{era}.txt"
    script = scripted(write(name, "by mcp\n"), {"text": "Written."})
    async with connected(hub, era) as client:
        created = value(await client.call_tool("create_task", {"instructions": script}))
        done = await until_settled(client, created["id"])
        assert done["status"] == "COMPLETED"
        assert [change["path"] for change in done["review"]["files"]] == [name]
        assert json.loads(await read(client, f"task://{done['id']}")) == done
        assert "Written." in await read(client, f"task://{done['id']}/output")
        assert "+by mcp" in await read(client, f"task://{done['id']}/diff")
        assert done["id"] in await read(client, "tasks://list")
        review = value(await client.call_tool("review_task", {"task_id": done["id"]}))
        assert "+by mcp" in review["diff"]
        decision = {"task_id": done["id"], "expected_head": done["head"]}
        merged = value(await client.call_tool("merge_task", decision))
        assert merged["review"]["state"] == "merged"
    assert project.show(f"main:{name}") == "by mcp"


async def test_what_there_is(hub: RunningHub) -> None:
    async with connected(hub) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        assert all(tool.description for tool in tools)
        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert {"bug_fix", "react_component", "unit_tests", "refactor"} <= prompts
        health = value(await client.call_tool("check_status", {}))
        assert health["counts"] is not None
        agents = {
            agent["name"]: agent for agent in json.loads(await read(client, "agents://status"))
        }
        rehearsal = agents["rehearsal"]
        shown = [rehearsal[key] for key in ("installed", "version", "logged_in", "problem")]
        assert shown == [True, "1.0", None, None]
        assert agents["copilot"]["installed"] is bool(shutil.which("copilot"))


async def test_a_prompt_is_the_template_filled_in(hub: RunningHub) -> None:
    arguments = {"file": "src/cart.py", "description": "It is wrong.", "constraints": "a\nb"}
    async with connected(hub) as client:
        prompt = await client.get_prompt("bug_fix", arguments)
        text = prompt.messages[0].content.text  # type: ignore[union-attr]
        assert "src/cart.py" in text
        assert "- a\n- b\n" in text
        with pytest.raises(MCPError, match=r"file|Missing"):
            await client.get_prompt("bug_fix", {"description": "x"})


async def test_a_template_of_the_owners_is_a_prompt_from_when_it_is_there(hub: RunningHub) -> None:
    file = hub.home / "templates" / "haiku.md"
    async with connected(hub) as client:
        file.parent.mkdir(exist_ok=True)
        for words in ("Write a haiku.", "Write two."):
            file.write_text(f'+++\ntitle = "Haiku"\n+++\n{words}\n', "utf-8")
            message = (await client.get_prompt("haiku", {})).messages[0]
            assert message.content.text == words  # type: ignore[union-attr]
        file.unlink()
        names = {
            prompt.name for prompt in (await client.list_prompts(cache_mode="refresh")).prompts
        }
        assert "haiku" not in names


async def test_wrong_arguments_are_named_in_plain_words(hub: RunningHub) -> None:
    async with connected(hub) as client:
        refused = await client.call_tool("list_tasks", {"limit": "many", "status": "ASLEEP"})
        assert refused.is_error
        assert "limit: " in words(refused)
        assert "status: " in words(refused)
        assert "pydantic" not in words(refused)
        refused = await client.call_tool("create_task", {"instructions": "x", "project": "cart"})
        assert refused.is_error
        assert "no such argument: project. It takes: instructions, project_path" in words(refused)


async def test_progress_grows_while_it_waits_and_a_question_ends_the_wait(hub: RunningHub) -> None:
    heard: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        heard.append(done)

    async with connected(hub) as client:
        script = scripted({"bash": "echo hi"})
        task = value(await client.call_tool("create_task", {"instructions": script}))
        waited = value(
            await client.call_tool("wait_task", {"task_id": task["id"]}, progress_callback=progress)
        )
        assert waited["settled"]
        question = waited["task"]["question"]
        assert heard == sorted(set(heard))
        answer = {"task_id": task["id"], "request_id": question["request_id"], "decision": "deny"}
        value(await client.call_tool("answer_task", answer))
        assert (await until_settled(client, task["id"]))["status"] == "COMPLETED"


async def test_a_refusal_is_a_tool_error_in_words(hub: RunningHub) -> None:
    async with connected(hub) as client:
        for tool, arguments, said in [
            ("create_task", {"instructions": "x", "project_path": "/etc"}, "There are: cart"),
            ("create_task", {"instructions": "x", "template": "bug_fix"}, "file"),
            ("wait_task", {"task_id": "zzzzzzzz"}, "zzzzzzzz"),
            ("merge_task", {"task_id": "zzzzzzzz", "expected_head": "0"}, "zzzzzzzz"),
        ]:
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert said in words(result)
        with pytest.raises(MCPError):
            await client.read_resource("task://zzzzzzzz")


@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")  # what older clients call
async def test_a_subscriber_of_2025_is_told_of_changes(hub: RunningHub) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()

    async def message(received: object) -> None:
        if isinstance(received, ResourceUpdatedNotification):
            told.put_nowait(str(received.params.uri))

    async with connected(hub, "legacy", message_handler=message) as client:
        waiting = scripted({"wait": "go on"}, {"text": "Gone on."})
        task = value(await client.call_tool("create_task", {"instructions": waiting}))
        uri = f"task://{task['id']}"
        await client.session.subscribe_resource(uri)
        value(await client.call_tool("end_task", {"task_id": task["id"]}))
        assert await asyncio.wait_for(told.get(), PATIENCE_S) == uri


async def test_a_listener_of_2026_is_told_of_changes(hub: RunningHub) -> None:
    async with connected(hub) as client:
        waiting = scripted({"wait": "go on"}, {"text": "Gone on."})
        task = value(await client.call_tool("create_task", {"instructions": waiting}))
        uri = f"task://{task['id']}"
        async with client.listen(resource_subscriptions=[uri]) as told:
            value(await client.call_tool("end_task", {"task_id": task["id"]}))
            async with asyncio.timeout(PATIENCE_S):
                assert str((await anext(told)).uri) == uri  # type: ignore[union-attr]


async def test_a_client_that_leaves_stops_nothing(hub: RunningHub) -> None:
    script = scripted({"sleep": 0.3}, write("left.txt", "x\n"))
    async with connected(hub) as client:
        task = value(await client.call_tool("create_task", {"instructions": script}))
    async with connected(hub) as client:
        assert (await until_settled(client, task["id"]))["status"] == "COMPLETED"


@pytest.mark.parametrize("era", ERAS)
async def test_gofer_mcp_serves_the_same_on_standard_input_and_output(
    hub: RunningHub, era: Era
) -> None:
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "cli.main", "mcp"],
        env=hub.env,
        cwd=Path(__file__).parents[2],
    )
    async with Client(program, mode=era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        task = value(
            await client.call_tool("create_task", {"instructions": scripted({"text": "x"})})
        )
        assert (await until_settled(client, task["id"]))["review"]["state"] == "no_change"
        refused = await client.call_tool("create_task", {"instructions": 10_000_000 * "x"})
        assert "The instructions are 10,000,000 characters long" in words(refused)


async def test_nothing_of_a_long_log_is_passed_over(hub: RunningHub) -> None:
    script = scripted(*({"text": f"Word {number}."} for number in range(1_200)))
    async with connected(hub) as client:
        created = value(await client.call_tool("create_task", {"instructions": script}))
        task = await until_settled(client, created["id"])
        output = await read(client, f"task://{task['id']}/output")
        assert "Word 0." in output
        assert "Word 1199." in output
        all_of_it = {"task_id": task["id"], "since_seq": 0}
        waited = value(await client.call_tool("wait_task", all_of_it))
        assert waited["events"][-1]["payload"]["kind"] == "completed"
        assert waited["last_seq"] == waited["left_out"] + len(waited["events"])


async def test_numbers_fill_a_template_and_the_same_key_is_the_same_task(hub: RunningHub) -> None:
    given = {
        "instructions": scripted({"text": "x"}),
        "template": "unit_tests",
        "arguments": {"target": "src/cart.py", "framework": "unittest", "coverage": 80},
        "key": "one",
    }
    async with connected(hub) as client:
        first = value(await client.call_tool("create_task", given))
        again = value(await client.call_tool("create_task", given))
        await until_settled(client, first["id"])
    assert again["id"] == first["id"]
    at_the_desk = hub.json("run", scripted({"text": "x"}), "--key", "one", "--wait")
    assert at_the_desk["id"] != first["id"]


# --- who is let in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/mcp", {}, 401),
        ("/mcp", {"Authorization": "Bearer wrong"}, 401),
        ("/mcp", {"Authorization": "Bearer é"}, 401),
        ("/metrics", {}, 401),
        ("/healthz", {}, 200),
        ("/nothing", {}, 401),
    ],
)
async def test_without_the_token_only_the_health_is_told(
    hub: RunningHub, path: str, headers: dict[str, str], status: int
) -> None:
    encoded = {name: text.encode() for name, text in headers.items()}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{hub.url}{path}", headers=encoded, json={})
        if path == "/healthz":
            answer = await http.get(f"{hub.url}{path}")
            assert answer.json() == {"status": "ok"}
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_web_page_cannot_talk_to_it_even_with_the_token(
    hub: RunningHub, headers: dict[str, str], status: int
) -> None:
    given = {"Authorization": f"Bearer {hub.token}", "Accept": "application/json", **headers}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{hub.url}/mcp", headers=given, json={"jsonrpc": "2.0"})
    assert answer.status_code == status


async def test_metrics_count_tasks(hub: RunningHub) -> None:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {hub.token}"}) as http:
        text = (await http.get(f"{hub.url}/metrics")).text
    assert "gofer_up 1.0" in text
    assert 'gofer_tasks{status="' in text


def test_the_generated_token_is_its_owners_alone(hub: RunningHub) -> None:
    assert (hub.home / "mcp-token").stat().st_mode & 0o777 == 0o600
    assert hub.token not in hub.output

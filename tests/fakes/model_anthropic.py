"""Anthropic's Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from tests.fakes.model_script import Reply, Say, Turn, Use

Json = dict[str, Any]
ERRORS = {
    400: ("invalid_request_error", "messages: the conversation is not valid"),
    401: ("authentication_error", "invalid x-api-key"),
    429: ("rate_limit_error", "This request would exceed the rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def serves(path: str) -> bool:
    return path.startswith(("/v1/messages", "/api/"))


def other(path: str, body: Json) -> Json | None:
    if path.endswith("/count_tokens"):
        return {"input_tokens": 100}
    return None if path.endswith("/messages") else {}


def streams(path: str, body: Json) -> bool:
    return bool(body.get("stream"))


def tools(body: Json) -> list[str]:
    return [tool["name"] for tool in body.get("tools", []) if "name" in tool]


def turns(body: Json) -> list[Turn]:
    return [Turn(message["role"], words(message["content"])) for message in body["messages"]]


def words(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content if block.get("type") == "text")


def error(status: int) -> Json:
    kind, message = ERRORS.get(status, ("api_error", f"status {status}"))
    return {"type": "error", "error": {"type": kind, "message": message}}


def blocks(reply: Reply) -> list[Json]:
    match reply:
        case Say(text, thought):
            thinking = [{"type": "thinking", "thinking": thought, "signature": "x"}]
            return (thinking if thought else []) + [{"type": "text", "text": text}]
        case Use(tool, arguments):
            tool_id = f"toolu_{uuid4().hex[:20]}"
            return [{"type": "tool_use", "id": tool_id, "name": tool, "input": arguments}]
    raise AssertionError(reply)


def whole(path: str, body: Json, reply: Reply) -> Json:
    return {
        "id": f"msg_{uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "fake"),
        "content": blocks(reply),
        "stop_reason": "tool_use" if isinstance(reply, Use) else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 20,
        },
    }


def stream(path: str, body: Json, reply: Reply) -> Iterator[bytes]:
    message = whole(path, body, reply)
    content, stop = message.pop("content"), message.pop("stop_reason")
    begun = {**message, "content": [], "stop_reason": None}
    yield event({"type": "message_start", "message": begun})
    for index, block in enumerate(content):
        empty, deltas = opened(block)
        yield event({"type": "content_block_start", "index": index, "content_block": empty})
        for delta in deltas:
            yield event({"type": "content_block_delta", "index": index, "delta": delta})
        yield event({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": stop, "stop_sequence": None}
    yield event({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 20}})
    yield event({"type": "message_stop"})


def opened(block: Json) -> tuple[Json, list[Json]]:
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case "thinking":
            thinking = {"type": "thinking_delta", "thinking": block["thinking"]}
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [thinking, signature]
    given = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    return {**block, "input": {}}, [given]


def event(data: Json) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()

"""OpenAI's two APIs: chat completions and responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from tests.fakes.model_script import Reply, Say, Turn, Use

Json = dict[str, Any]
ERRORS = {
    400: ("invalid_request_error", "Invalid value for 'input'."),
    401: ("invalid_request_error", "Incorrect API key provided"),
    429: ("requests", "Rate limit reached"),
}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def serves(path: str) -> bool:
    return path.endswith(("/chat/completions", "/responses", "/models"))


def other(path: str, body: Json) -> Json | None:
    return {"object": "list", "data": []} if path.endswith("/models") else None


def streams(path: str, body: Json) -> bool:
    return bool(body.get("stream"))


def tools(body: Json) -> list[str]:
    return [
        name
        for tool in body.get("tools", [])
        if (name := tool.get("name") or tool.get("function", {}).get("name"))
    ]


def turns(body: Json) -> list[Turn]:
    """Chat messages; or the items of a response, of which each call of a tool is an answer."""
    items = body.get("messages") or body.get("input") or []
    if isinstance(items, str):
        return [Turn("user", items)]
    return [turn for item in items if (turn := as_turn(item))]


def as_turn(item: Json) -> Turn | None:
    match item:
        case {"role": "user" | "assistant" as role}:
            return Turn(role, words(item.get("content")))
        case {"type": "function_call" | "custom_tool_call"}:
            return Turn("assistant", "")
    return None


def words(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content)
    return content or ""


def error(status: int) -> Json:
    kind, message = ERRORS.get(status, ("server_error", "The server is overloaded"))
    return {"error": {"message": message, "type": kind, "code": None}}


def whole(path: str, body: Json, reply: Reply) -> Json:
    if path.endswith("/responses"):
        return response(body, item(reply), "completed")
    return {
        "id": f"chatcmpl-{uuid4().hex[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", "fake"),
        "choices": [{"index": 0, "message": chat_message(reply), "finish_reason": finish(reply)}],
        "usage": USAGE,
    }


def finish(reply: Reply) -> str:
    return "tool_calls" if isinstance(reply, Use) else "stop"


def chat_message(reply: Reply) -> Json:
    match reply:
        case Say(text):
            return {"role": "assistant", "content": text}
        case Use(tool, arguments):
            called = {"name": tool, "arguments": json.dumps(arguments)}
            call_id = f"call_{uuid4().hex[:20]}"
            call = {"index": 0, "id": call_id, "type": "function", "function": called}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
    raise AssertionError(reply)


def item(reply: Reply) -> Json:
    match reply:
        case Say(text):
            said = [{"type": "output_text", "text": text, "annotations": []}]
            return {
                "type": "message",
                "id": f"msg_{uuid4().hex[:20]}",
                "role": "assistant",
                "status": "completed",
                "content": said,
            }
        case Use(tool, arguments):
            return {
                "type": "function_call",
                "id": f"fc_{uuid4().hex[:20]}",
                "call_id": f"call_{uuid4().hex[:20]}",
                "name": tool,
                "arguments": json.dumps(arguments),
                "status": "completed",
            }
    raise AssertionError(reply)


def response(body: Json, output: Json, status: str) -> Json:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 120,
    }
    return {
        "id": f"resp_{uuid4().hex[:20]}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "model": body.get("model", "fake"),
        "output": [output],
        "usage": usage,
    }


def stream(path: str, body: Json, reply: Reply) -> Iterator[bytes]:
    if path.endswith("/responses"):
        yield from response_stream(body, reply)
        return
    chunk = whole(path, body, reply)
    chunk["object"] = "chat.completion.chunk"
    (choice,) = chunk["choices"]
    delta, reason = choice.pop("message"), choice.pop("finish_reason")
    usage = chunk.pop("usage")
    yield data({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield data({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    yield data({**chunk, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def response_stream(body: Json, reply: Reply) -> Iterator[bytes]:
    output = item(reply)
    done = response(body, output, "completed")
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    yield event({"type": "response.created", "response": begun})
    where = {"output_index": 0, "item_id": output["id"]}
    if isinstance(reply, Say):
        empty = {**output, "content": [], "status": "in_progress"}
        yield event({"type": "response.output_item.added", "output_index": 0, "item": empty})
        said = {**where, "content_index": 0, "delta": reply.text}
        yield event({"type": "response.output_text.delta", **said})
    else:
        empty = {**output, "arguments": "", "status": "in_progress"}
        yield event({"type": "response.output_item.added", "output_index": 0, "item": empty})
    yield event({"type": "response.output_item.done", "output_index": 0, "item": output})
    yield event({"type": "response.completed", "response": done})


def data(chunk: Json) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def event(body: Json) -> bytes:
    return f"event: {body['type']}\ndata: {json.dumps(body)}\n\n".encode()

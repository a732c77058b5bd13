"""Google's Gemini API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.model_script import Reply, Say, Turn, Use

Json = dict[str, Any]
ERRORS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "API key not valid."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted"),
    503: ("UNAVAILABLE", "The model is overloaded."),
}


def serves(path: str) -> bool:
    return path.startswith("/v1beta/")


def other(path: str, body: Json) -> Json | None:
    if path.endswith(":countTokens"):
        return {"totalTokens": 100}
    return None if "enerateContent" in path else {}


def streams(path: str, body: Json) -> bool:
    return path.endswith(":streamGenerateContent")


def tools(body: Json) -> list[str]:
    return [
        declared["name"]
        for group in body.get("tools", [])
        for declared in group.get("functionDeclarations", [])
    ]


def turns(body: Json) -> list[Turn]:
    return [
        Turn(
            "assistant" if content.get("role") == "model" else "user",
            "\n".join(part.get("text", "") for part in content.get("parts", [])),
        )
        for content in body["contents"]
    ]


def error(status: int) -> Json:
    kind, message = ERRORS.get(status, ("INTERNAL", "An internal error has occurred."))
    return {"error": {"code": status, "message": message, "status": kind}}


def whole(path: str, body: Json, reply: Reply) -> Json:
    match reply:
        case Say(text, thought):
            parts: list[Json] = [{"text": thought, "thought": True}] if thought else []
            parts.append({"text": answer(body, text)})
        case Use(tool, arguments):
            parts = [{"functionCall": {"name": tool, "args": arguments}}]
        case _:
            raise AssertionError(reply)
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}
    content = {"role": "model", "parts": parts}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "fake",
    }


def answer(body: Json, text: str) -> str:
    """A side question may want JSON: how hard the task is."""
    if body.get("generationConfig", {}).get("responseMimeType") != "application/json":
        return text
    return json.dumps({"complexity_reasoning": "scripted", "complexity_score": 1})


def stream(path: str, body: Json, reply: Reply) -> Iterator[bytes]:
    yield f"data: {json.dumps(whole(path, body, reply))}\n\n".encode()

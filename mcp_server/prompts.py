"""The prompt templates as MCP prompts: the built-in ones and the owner's own."""

from __future__ import annotations

from functools import partial
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import Message, PromptArgument, UserMessage
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from core.errors import UserError
from core.templates import Template, Templates


def add_prompts(server: MCPServer[Any], templates: Templates) -> None:
    for template in templates.all():
        server.add_prompt(_prompt(templates, template))


class _Filled(Prompt):
    """Leaves it to the template to say what is missing, in words that reach the client."""

    async def render(self, arguments: dict[str, Any] | None, context: object) -> list[Message]:
        try:
            text = self.fn(arguments or {})
        except UserError as error:
            raise MCPError(code=INVALID_PARAMS, message=str(error)) from error
        assert isinstance(text, str)
        return [UserMessage(text)]


def _prompt(templates: Templates, template: Template) -> Prompt:
    return _Filled(
        name=template.name,
        title=template.title,
        description=template.title,
        arguments=[
            PromptArgument(
                name=argument.name,
                description=argument.description + (", one a line" if argument.many else ""),
                required=argument.required,
            )
            for argument in template.arguments
        ],
        fn=partial(templates.render, template.name, ""),
        context_kwarg=None,
    )

"""The prompt templates as MCP prompts: the built-in ones and the owner's own, as they are now."""

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


class Prompts:
    """Keeps the server's prompts those of the templates, which their owner may edit at any time."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._served: dict[str, Template] = {}

    def refresh(self, server: MCPServer[Any]) -> None:
        now = {template.name: template for template in self._templates.all()}
        for name in [name for name, served in self._served.items() if now.get(name) != served]:
            server.remove_prompt(name)
        for name, template in now.items():
            if self._served.get(name) != template:
                server.add_prompt(_prompt(self._templates, template))
        self._served = now


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

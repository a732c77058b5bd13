"""The prompt templates as MCP prompts: the built-in ones and the owner's own."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from core.errors import UserError
from core.templates import Template, Templates


def add_prompts(server: MCPServer[Any], templates: Templates) -> None:
    for template in templates.all():
        server.add_prompt(_prompt(templates, template))


def _prompt(templates: Templates, template: Template) -> Prompt:
    async def render(**arguments: str) -> str:
        try:
            return templates.render(template.name, "", arguments)
        except UserError as error:
            raise MCPError(code=INVALID_PARAMS, message=str(error)) from error

    return Prompt(
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
        fn=render,
        context_kwarg=None,
    )

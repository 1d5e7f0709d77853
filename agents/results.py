"""Results of tools: the same document for programs and, as text, for models."""

from typing import Any

import mcp_types as types
import msgspec

JSON = "application/json"


def answered(document: dict[str, Any], *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=msgspec.json.encode(document).decode())],
        structured_content=document,
        is_error=is_error,
    )


def refused(why: str) -> types.CallToolResult:
    """Tell the agent why not; it may mend its call and try again."""
    return types.CallToolResult(content=[types.TextContent(text=why)], is_error=True)


def document(uri: str, content: dict[str, Any]) -> types.ReadResourceResult:
    """Give a resource's content."""
    text = msgspec.json.encode(content).decode()
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type=JSON, text=text)]
    )

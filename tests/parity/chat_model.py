"""A chat model that says what it was told to say, with ids of its own, whole or word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.runnables import Runnable

Reply = str | tuple[str, list[ToolCall]]


class ScriptedModel(BaseChatModel):
    """Answers from a script: the n-th answer to the n-th AI message a conversation needs.

    The place in the script is read off the conversation, so a model may be shared between threads.
    """

    script: list[Reply]
    name_of_ids: str = "ai"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        said = sum(isinstance(message, AIMessage) for message in messages)
        reply = self.script[said % len(self.script)]
        text, calls = (reply, []) if isinstance(reply, str) else reply
        return AIMessage(text, tool_calls=calls, id=f"{self.name_of_ids}-{len(messages)}-{said}")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._reply(messages)
        words = str(reply.content).split(" ")
        for at, word in enumerate(words):
            piece = word if at == 0 else f" {word}"
            message = AIMessageChunk(content=piece, id=reply.id)
            if at == len(words) - 1:
                message.tool_calls = reply.tool_calls
            chunk = ChatGenerationChunk(message=message)
            if run_manager is not None:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        return self.bind(tools=[getattr(tool, "name", None) for tool in tools])


def call(name: str, number: int, **arguments: Any) -> ToolCall:
    """A tool call with an id made of its number."""
    return ToolCall(name=name, args=arguments, id=f"call-{number}", type="tool_call")

"""Asks a broker with OpenAI's Python client and LangChain, and prints what they make of its responses as JSON.

python_clients.py BASE_URL MODEL BUSY_MODEL BREAKING_MODEL BREAKING_MODEL
"""

import json
import sys

import openai
from langchain_openai import ChatOpenAI

base_url, model, busy, breaking, breaking_too = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key="x", max_retries=0)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def user(content):
    return [{"role": "user", "content": content}]


def thrown_by(run):
    try:
        run()
    except Exception as error:
        return [type(error).__name__, getattr(error, "code", None), getattr(error, "param", None)]
    return None


def streamed(content, **more):
    asked = {"model": model, "messages": user(content), **more}
    with client.chat.completions.stream(stream_options={"include_usage": True}, **asked) as stream:
        return stream.get_final_completion()


def joined(chat, content):
    whole = None
    for chunk in chat.stream(content):
        whole = chunk if whole is None else whole + chunk
    return whole


def with_openai():
    hello, tools = streamed("hello"), streamed("tools", tools=[WEATHER])
    call = tools.choices[0].message.tool_calls[0]
    return {
        "text": hello.choices[0].message.content,
        "finish": [hello.choices[0].finish_reason, tools.choices[0].finish_reason],
        "tokens": [hello.usage.prompt_tokens, hello.usage.completion_tokens],
        "model": hello.model,
        "call": [call.id, call.type, call.function.name, call.function.arguments],
        "broken": thrown_by(lambda: streamed("hello", model=breaking)),
        "missing": thrown_by(lambda: streamed("hello", model="no/such")),
        "busy": thrown_by(lambda: streamed("hello", model=busy)),
        "long": thrown_by(lambda: client.chat.completions.create(model=model, messages=user("long"))),
    }


def with_langchain():
    def chat(name=model):
        return ChatOpenAI(model=name, base_url=base_url, api_key="x", max_retries=0, stream_usage=True)

    hello, tools = joined(chat(), "hello"), joined(chat().bind_tools([WEATHER]), "tools")
    return {
        "text": hello.content,
        "finish": [hello.response_metadata["finish_reason"], tools.response_metadata["finish_reason"]],
        "tokens": [hello.usage_metadata["input_tokens"], hello.usage_metadata["output_tokens"]],
        "model": hello.response_metadata["model_name"],
        "call": [tools.tool_calls[0][field] for field in ("id", "name", "args")],
        "broken": thrown_by(lambda: joined(chat(breaking_too), "hello")) is not None,
        "long": thrown_by(lambda: chat().invoke("long")),
    }


def with_responses():
    def streamed_response(content, **more):
        with client.responses.stream(model=model, input=content, **more) as stream:
            return stream.get_final_response()

    hello = streamed_response("hello")
    tools = streamed_response("tools", tools=[{"type": "function", "strict": False, **WEATHER["function"]}])
    call = next(item for item in tools.output if item.type == "function_call")
    later = client.responses.create(model=model, input="hello", previous_response_id=hello.id)
    return {
        "text": [hello.output_text, later.output_text],
        "status": [hello.status, tools.status],
        "tokens": [hello.usage.input_tokens, hello.usage.output_tokens],
        "call": [call.call_id, call.name, call.arguments],
        "kept": client.responses.retrieve(hello.id).output_text,
        "long": thrown_by(lambda: client.responses.create(model=model, input="long")),
    }


print(json.dumps({"openai": with_openai(), "langchain": with_langchain(), "responses": with_responses()}))

"""Asks a broker for media with OpenAI's Python client, and prints what it makes of the responses as JSON.

python_media.py BASE_URL SOUND_FILE
"""

import json
import sys

import openai

base_url, sound_file = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key="x", max_retries=0)


def speech():
    with client.audio.speech.with_streaming_response.create(
        model="speaker", voice="alloy", input="Hello!"
    ) as response:
        return b"".join(response.iter_bytes()).decode()


def transcript(**more):
    with open(sound_file, "rb") as file:
        return client.audio.transcriptions.create(model="listener", file=file, **more)


def image():
    made = client.images.generate(model="painter", prompt="an otter")
    return [made.data[0].b64_json, made.usage.output_tokens]


def moderation():
    result = client.moderations.create(input="be nice").results[0]
    return [result.flagged, result.categories.violence]


def refused():
    try:
        client.images.generate(model="painter", prompt="x", n=99)
    except openai.APIError as error:
        return [type(error).__name__, error.code, error.param]


print(
    json.dumps(
        {
            "speech": speech(),
            "transcript": transcript().text,
            "subtitles": transcript(response_format="srt"),
            "image": image(),
            "moderation": moderation(),
            "refused": refused(),
        }
    )
)

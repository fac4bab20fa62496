import { expect, test } from 'vitest'
import type { Endpoint } from '../../../../src/catalog/catalog.ts'
import { maxChatUsage, maxPromptUsage } from '../../../../src/inference/budget/worst-case.ts'
import { maxTextTokens, usualPromptTokens } from '../../../../src/inference/usage/prompt-text.ts'
import { jsonBodyOf, type JsonBody } from '../../../../src/wire/json/json-body.ts'

const WINDOW = 1_000_000
const base64 = (bytes: number): string => 'A'.repeat((bytes * 4) / 3)

function endpoint(modelId: string, contextWindow = WINDOW): Endpoint {
  return {
    id: `p/${modelId}`,
    provider: 'p',
    modelId,
    model: modelId,
    priority: 1,
    contextWindow,
    maxOutputTokens: 100,
    price: undefined,
  }
}

function chatWith(...parts: readonly object[]): JsonBody {
  const content = [{ type: 'text', text: 'What is this?' }, ...parts]
  return jsonBodyOf(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }))
}

/** The maximum of the prompt beyond its text. */
function maxOf(part: object, model = 'm', window = WINDOW): number {
  const body = chatWith(part)
  const encoded = JSON.stringify(part).match(/A{20,}/)?.[0].length ?? 0
  const { maxPromptTokens } = maxChatUsage({ body, maxTokens: 10, n: 1 }, endpoint(model, window))
  return maxPromptTokens === window ? window : maxPromptTokens - (maxTextTokens(body) - encoded)
}

const image = (url: string) => ({ type: 'image_url', image_url: { url } })
const MEGABYTES = 3_000_000

test.each([
  ['gpt-4o', 1445],
  ['gpt-4o-mini', 48_169],
  ['openai/gpt-4o-2024-08-06', 1445],
  ['gpt-5-mini', 3779],
  ['gpt-5', 1190],
  ['gpt-5.4', 10_000],
  ['anthropic/claude-opus-4.7', 4784],
  ['gemini-2.5-flash', 4128],
  ['grok-4', 1792],
  ['qwen3-vl-plus', 16_384],
])('an image at %s is at most %d tokens, whatever its size and wherever it is', (model, max) => {
  expect(maxOf(image(`data:image/png;base64,${base64(MEGABYTES)}`), model)).toBe(max)
  expect(maxOf(image('https://example.com/a.png'), model)).toBe(max)
})

test.each([
  ['a wav', { type: 'input_audio', input_audio: { data: base64(80_000), format: 'wav' } }, 320],
  ['an mp3', { type: 'input_audio', input_audio: { data: base64(75_000), format: 'mp3' } }, 3200],
  ['a video', { type: 'video_url', video_url: { url: `data:video/mp4;base64,${base64(80_100)}` } }, 3300],
  ['a video sent as an image', image(`data:video/mp4;base64,${base64(80_100)}`), 3300],
  ['a PDF', { type: 'file', file: { file_data: `data:application/pdf;base64,${base64(30_000)}` } }, 60_000],
  ['a text file', { type: 'file', file: { file_data: `data:text/plain;base64,${base64(30_000)}` } }, 30_000],
  [
    'Anthropic’s image',
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64(30_000) } },
    16_384,
  ],
])('%s is bounded by its own length', (_what, part, max) => {
  expect(maxOf(part)).toBe(max)
})

test.each([
  ['a file that is only named', { type: 'file', file: { file_id: 'file-1' } }],
  ['a linked video', { type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } }],
  ['a part of an unknown type', { type: 'hologram', hologram: 'x' }],
])('%s may fill the context window, and no more', (_what, part) => {
  expect(maxOf(part)).toBe(WINDOW)
  expect(maxOf(part, 'm', 8000)).toBe(8000)
})

test('a sound or a video is not bounded above the context window', () => {
  const video = { type: 'video_url', video_url: { url: `data:video/mp4;base64,${base64(MEGABYTES)}` } }
  expect(maxOf(video, 'm', 100_000)).toBe(100_000)
})

test('a text that pretends to be an image is still counted as text', () => {
  const text = 'hello '.repeat(2000)
  const body = chatWith({ type: 'image_url', text, image_url: { url: 'https://example.com/a.png' } })
  const { maxPromptTokens } = maxChatUsage({ body, maxTokens: 10, n: 1 }, endpoint('gpt-4o'))
  expect(maxPromptTokens).toBeGreaterThan(text.length)
})

test('the images of an embedding are not bounded as text', () => {
  const body = jsonBodyOf(
    JSON.stringify({ model: 'm', input: [{ image: base64(MEGABYTES) }, { text: 'a house' }] }),
  )
  expect(maxPromptUsage(body, endpoint('m')).maxPromptTokens).toBeLessThan(17_000)
})

test('an estimate of a prompt takes images for what they usually are, and texts by their bytes', () => {
  const body = chatWith(image(`data:image/png;base64,${base64(MEGABYTES)}`))
  expect(usualPromptTokens(body)).toBeLessThan(1000)
  const text = jsonBodyOf(JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(8000) }] }))
  expect(usualPromptTokens(text)).toBe(Math.ceil(text.byteLength / 4))
})

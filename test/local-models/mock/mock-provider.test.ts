import { existsSync } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RateLimitError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { embed } from '../../../src/local-models/mock/embeddings.ts'
import { startMockProvider } from '../../../src/local-models/mock/mock-provider.ts'
import { mockModels } from '../../../src/local-models/mock/models.ts'
import { countTokens } from '../../../src/local-models/mock/tokens.ts'
import { wavSeconds } from '../../../src/local-models/mock/wav.ts'
import { startMock, temporaryFolder } from '../support.ts'

let mock: Awaited<ReturnType<typeof startMock>>
beforeAll(async () => {
  mock = await startMock()
})
afterAll(() => mock[Symbol.asyncDispose]())

const echo =
  'You said “hello there” (2 words, 11 characters). I am loopback, a built-in echo, not a language model.'
const hello = { model: 'loopback', messages: [{ role: 'user' as const, content: 'hello there' }] }
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

describe('chat of the mock provider', () => {
  test('repeats and counts the message, and says that it is an echo', async () => {
    const answer = await mock.client.chat.completions.create(hello)
    expect(answer.choices).toMatchObject([
      { message: { role: 'assistant', content: echo }, finish_reason: 'stop' },
    ])
    expect(answer.usage).toMatchObject({
      prompt_tokens: 2,
      completion_tokens: countTokens(echo),
      total_tokens: 2 + countTokens(echo),
    })
  })

  test('streams a role, one token per chunk, the finish_reason and, on request, the usage', async () => {
    const stream = await mock.client.chat.completions.create({
      ...hello,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await all(stream)
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' })
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(echo)
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: countTokens(echo) } })
    expect(chunks).toHaveLength(countTokens(echo) + 3)
  })

  test('streams no usage chunk without include_usage, and ends with [DONE]', async () => {
    const text = await (await mock.chat('hello', { stream: true })).text()
    expect(text).not.toContain('"usage"')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('max_tokens cuts the response, plain and streamed alike', async () => {
    const plain = await mock.client.chat.completions.create({ ...hello, max_tokens: 3 })
    expect(plain.choices[0]).toMatchObject({ message: { content: 'You said “' }, finish_reason: 'length' })
    expect(plain.usage?.completion_tokens).toBe(3)
    const stream = await mock.client.chat.completions.create({
      ...hello,
      max_completion_tokens: 3,
      stream: true,
    })
    const chunks = await all(stream)
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('length')
    expect(chunks).toHaveLength(5)
  })

  test('a response of exactly max_tokens finishes with “stop”', async () => {
    const answer = await mock.client.chat.completions.create({ ...hello, max_tokens: countTokens(echo) })
    expect(answer.choices[0]).toMatchObject({ message: { content: echo }, finish_reason: 'stop' })
  })

  test('the earliest stop text ends the response before itself', async () => {
    const answer = await mock.client.chat.completions.create({
      ...hello,
      stop: ['characters', 'words', ''],
    })
    expect(answer.choices[0]).toMatchObject({
      message: { content: 'You said “hello there” (2 ' },
      finish_reason: 'stop',
    })
  })

  test.each([
    ['stop texts beyond 16', Array.from({ length: 200_000 }, (_, nth) => `stop ${nth}`), '16'],
    ['stop texts beyond 256 characters', ['x'.repeat(257)], '256'],
  ])('%s are refused', async (_, stop, bound) => {
    const ask = mock.client.chat.completions.create({ ...hello, stop })
    await expect(ask).rejects.toMatchObject({ status: 400, message: expect.stringContaining(bound) })
  })

  test('a required tool is called with the smallest arguments', async () => {
    for (const tool_choice of [
      'required',
      { type: 'function', function: { name: 'get_weather' } },
    ] as const) {
      const answer = await mock.client.chat.completions.create({
        ...hello,
        tools: [weather],
        tool_choice,
      })
      expect(answer.choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: {
          content: null,
          tool_calls: [{ function: { name: 'get_weather', arguments: '{"city":""}' } }],
        },
      })
    }
  })

  test('a streamed tool call arrives in pieces that join to the same arguments', async () => {
    const runner = mock.client.chat.completions.stream({
      ...hello,
      tools: [weather],
      tool_choice: 'required',
    })
    const message = (await runner.finalChatCompletion()).choices[0]?.message
    expect(message?.tool_calls?.[0]).toMatchObject({ function: { arguments: '{"city":""}' } })
  })

  test('optional tools are not called, and a tool’s result is repeated', async () => {
    const answer = await mock.client.chat.completions.create({ ...hello, tools: [weather] })
    expect(answer.choices[0]?.message.content).toBe(echo)
    const call = {
      id: 'call_1',
      type: 'function' as const,
      function: { name: 'get_weather', arguments: '{}' },
    }
    const after = await mock.client.chat.completions.create({
      model: 'loopback',
      messages: [
        { role: 'user', content: 'weather?\nloopback: call get_weather' },
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
      ],
      tools: [weather],
    })
    expect(after.choices[0]?.message.content).toContain('The tool said “sunny” (1 word, 5 characters)')
  })

  test('response_format gives a JSON object or the smallest value of a schema', async () => {
    const object = await mock.client.chat.completions.create({
      ...hello,
      response_format: { type: 'json_object' },
    })
    expect(JSON.parse(object.choices[0]?.message.content ?? '')).toMatchObject({ you_said: 'hello there' })
    const schema = {
      type: 'object',
      properties: { age: { type: 'integer', minimum: 18 } },
      required: ['age'],
    }
    const shaped = await mock.client.chat.completions.create({
      ...hello,
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema } },
    })
    expect(shaped.choices[0]?.message.content).toBe('{"age":18}')
  })

  test('content parts that are not text are named', async () => {
    const answer = await mock.client.chat.completions.create({
      model: 'loopback',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
          ],
        },
      ],
    })
    expect(answer.choices[0]?.message.content).toContain('“look\n[image_url]”')
  })

  test('a prompt beyond the context window is refused', async () => {
    const long = mock.client.chat.completions.create({
      ...hello,
      messages: [{ role: 'user', content: 'a '.repeat(140_000) }],
    })
    await expect(long).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('maximum context length'),
    })
  })
})

describe('embeddings of the mock provider', () => {
  test('are in order, equal for equal texts, as floats or base64', async () => {
    const ask = { model: 'loopback-embedding', input: ['one', 'two', 'one'], dimensions: 8 }
    // Without a format the client requests base64 and decodes it.
    const coded = await mock.client.embeddings.create(ask)
    const plain = await mock.client.embeddings.create({ ...ask, encoding_format: 'float' })
    expect(plain.data).toEqual(coded.data)
    expect(plain.data.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(plain.data[0]?.embedding).toEqual(plain.data[2]?.embedding)
    expect(plain.data[0]?.embedding).not.toEqual(plain.data[1]?.embedding)
    expect(plain.data[0]?.embedding).toHaveLength(8)
    expect(plain.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 })
  })

  test('are unit vectors, and closer for texts that share words', () => {
    const [cat, cats, tax] = ['the black cat sleeps', 'a black cat sat', 'pay your taxes now'].map((text) =>
      embed(text, 256),
    )
    const dot = (one: Float32Array = new Float32Array(), other: Float32Array = new Float32Array()) =>
      one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0)
    expect(dot(cat, cat)).toBeCloseTo(1)
    expect(dot(cat, cats)).toBeGreaterThan(dot(cat, tax))
  })

  test('of an empty text are refused', async () => {
    const ask = mock.client.embeddings.create({ model: 'loopback-embedding', input: [''] })
    await expect(ask).rejects.toMatchObject({ status: 400 })
  })
})

describe('audio of the mock provider', () => {
  test('speech is a WAV of 60 ms per character, and transcription states its length', async () => {
    const speech = await mock.client.audio.speech.create({
      model: 'loopback-speech',
      voice: 'alloy',
      input: 'hello you',
    })
    expect(speech.headers.get('content-type')).toBe('audio/wav')
    const bytes = Buffer.from(await speech.arrayBuffer())
    expect(wavSeconds(bytes)).toBeCloseTo(9 * 0.06)
    const transcription = await mock.client.audio.transcriptions.create({
      model: 'loopback-transcription',
      file: new File([bytes], 'hello.wav'),
    })
    expect(transcription).toMatchObject({
      text: `I got the sound “hello.wav”, ${bytes.length} bytes, 0.54 seconds long. I am loopback, a built-in ruler, and cannot listen.`,
      usage: { type: 'duration', seconds: 1 },
    })
  })

  test('transcription of an unknown format has no duration and no usage', async () => {
    const transcription = await mock.client.audio.transcriptions.create({
      model: 'loopback-transcription',
      file: new File(['noise'], 'noise.mp3'),
    })
    expect(transcription.text).toContain('5 bytes, of unknown length')
    expect(transcription).not.toHaveProperty('usage')
  })

  test('speech in an unsupported format is refused', async () => {
    const ask = mock.client.audio.speech.create({
      model: 'loopback-speech',
      voice: 'alloy',
      input: 'x',
      response_format: 'mp3',
    })
    await expect(ask).rejects.toMatchObject({ status: 400, message: expect.stringContaining('wav and pcm') })
  })
})

describe('the server of the mock provider', () => {
  test('lists its models, each with a description and a price of 0', async () => {
    const { data } = await mock.client.models.list()
    expect(data.map((model) => model.id)).toEqual(mockModels.map((model) => model.id))
    for (const model of mockModels) {
      expect(model.description).toMatch(/not a language model|cannot/i)
      expect(model.price).toMatchObject({ input: 0n, output: 0n })
    }
    expect(await (await mock.ask('/health')).json()).toMatchObject({ status: 'ok' })
  })

  test('refuses an invalid request with an error in OpenAI’s shape', async () => {
    const invalid = [
      ['/v1/chat/completions', '{', 400],
      ['/v1/chat/completions', '{"model":"loopback","messages":[]}', 400],
      ['/v1/chat/completions', '{"model":"gpt","messages":[{"role":"user","content":"hi"}]}', 404],
      ['/v1/chat/completions', '{"model":"loopback-speech","messages":[{"role":"user"}]}', 404],
      ['/v1/audio/transcriptions', '{}', 400],
      ['/v1/nothing', '{}', 404],
    ] as const
    for (const [path, body, status] of invalid) {
      const answer = await mock.ask(path, { method: 'POST', body })
      expect([path, body, answer.status]).toEqual([path, body, status])
      expect(await answer.json()).toMatchObject({ error: { message: expect.any(String), param: null } })
    }
  })

  test('refuses a body beyond 32 MiB', async () => {
    const answer = await mock.chat('a'.repeat(33 * 1024 * 1024))
    expect(answer.status).toBe(413)
  })

  test('replaces a stale socket file, never one in use, and removes its own on close', async () => {
    await using folder = await temporaryFolder()
    const socketPath = join(folder.path, 's.sock')
    await writeFile(socketPath, '')
    const first = await startMockProvider({ socketPath, clock: systemClock })
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
    await expect(startMockProvider({ socketPath, clock: systemClock })).rejects.toThrow('already answers')
    await first.close()
    await first.close()
    expect(existsSync(socketPath)).toBe(false)
  })

  test('sends errors that OpenAI’s client recognises', async () => {
    const ask = mock.client.chat.completions.create({ ...hello, model: 'loopback-busy' })
    await expect(ask).rejects.toBeInstanceOf(RateLimitError)
  })
})

// Every route for media works without a key, in the toy form of the built-in echo, and under the names of OpenAI's client.
import { expect, test } from 'vitest'
import { connect } from '../../src/sdk/index.ts'
import { unixTransport } from '../../src/sdk-node/index.ts'
import { startInProcessDaemon } from '../support/in-process-daemon.ts'
import { wavFile } from '../support/sounds.ts'

test('a text is spoken, and the sound is written down again', async () => {
  await using broker = await startInProcessDaemon()
  const { rpc, rest } = broker.daemon.sockets
  const { openai } = connect(unixTransport({ rpc, rest }))
  const pieces: Uint8Array[] = []
  for await (const piece of await openai.audio.speech.create({ model: 'auto', input: 'hello' }))
    pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  expect(bytes.subarray(0, 4).toString()).toBe('RIFF')
  const file = { name: 'hello.wav', bytes }
  const { text } = await openai.audio.transcriptions.create({ model: 'auto', file })
  // Five characters of 60 ms each.
  expect(text).toContain('0.30 seconds long')
})

test('documents are sorted, texts are classified and an image is made', async () => {
  await using broker = await startInProcessDaemon()
  const { rpc, rest } = broker.daemon.sockets
  const { openai } = connect(unixTransport({ rpc, rest }))
  const documents = ['a dog barks', 'the red cat sleeps']
  const { results } = await openai.rerank({ model: 'auto', query: 'red cat', documents })
  expect(results.map(({ index, relevance_score }) => [index, relevance_score])).toEqual([
    [1, 1],
    [0, 0],
  ])
  const input = ['good', 'this is forbidden']
  const moderated = await openai.moderations.create({ model: 'auto', input })
  expect(moderated.results.map(({ flagged }) => flagged)).toEqual([false, true])
  const { data } = await openai.images.generate({ model: 'auto', prompt: 'a cat', n: 2 })
  expect(data).toHaveLength(2)
  expect(
    Buffer.from(data[0]?.b64_json ?? '', 'base64')
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG')
})

test('JSON-RPC speaks and transcribes, and each call has its row', async () => {
  await using broker = await startInProcessDaemon()
  const { rpc, rest } = broker.daemon.sockets
  const client = connect(unixTransport({ rpc, rest }))
  const spoken = await client.call('ai.tts', { input: 'hi', format: 'wav' })
  expect(spoken.content_type).toBe('audio/wav')
  expect(Buffer.from(spoken.audio, 'base64').subarray(0, 4).toString()).toBe('RIFF')
  const audio = wavFile(2).toString('base64')
  const heard = await client.call('ai.transcribe', { audio, format: 'wav' })
  expect(heard.text).toContain('2.00 seconds long')
  const kinds = broker.daemon.services.ledger.find(spoken.id)?.kind
  expect(kinds).toBe('speech')
  await expect(
    client.call('ai.transcribe', { audio, format: 'wav', options: { response_format: 'srt' } }),
  ).rejects.toThrow(/response_format/)
})

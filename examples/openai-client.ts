// OpenAI's own client, pointed at the broker's Unix socket. Start a broker first: npm start
//   node examples/openai-client.ts
import assert from 'node:assert/strict'

import OpenAI from 'openai'
import { Agent, fetch } from 'undici'

// In your own project: import { defaultSockets } from 'hero-aibroker/sdk-node'
import { defaultSockets } from '../src/sdk-node/index.ts'

const socket = new Agent({ connect: { socketPath: defaultSockets(process.env).rest } })

const openai = new OpenAI({
  baseURL: 'http://localhost/v1',
  // The broker holds the providers' keys; the client only requires that some key is set.
  apiKey: 'none',
  fetch: fetch as unknown as typeof globalThis.fetch,
  fetchOptions: { dispatcher: socket } as object,
})

const stream = await openai.chat.completions.create({
  model: 'auto',
  messages: [{ role: 'user', content: 'Say hello.' }],
  stream: true,
  stream_options: { include_usage: true },
})

let response = ''
for await (const chunk of stream) {
  const text = chunk.choices[0]?.delta.content ?? ''
  response += text
  process.stdout.write(text)
  if (chunk.usage) console.log(`\n${chunk.model}: ${chunk.usage.total_tokens} tokens`)
}
assert(response.length > 0, 'the response has text')
await socket.close()

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
  // The keys are the broker's business; the client only insists on having one.
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

let answer = ''
for await (const chunk of stream) {
  const text = chunk.choices[0]?.delta.content ?? ''
  answer += text
  process.stdout.write(text)
  if (chunk.usage) console.log(`\n${chunk.model}: ${chunk.usage.total_tokens} tokens`)
}
assert(answer.length > 0, 'an answer came')
await socket.close()

// The broker's own client: chat, embeddings, and every method of the RPC contract, typed. Start a broker first: npm start
//   node examples/sdk.ts
import assert from 'node:assert/strict'

// In your own project: 'hero-aibroker/sdk' and 'hero-aibroker/sdk-node'
import { BrokerError, connect } from '../src/sdk/index.ts'
import { defaultSockets, unixTransport } from '../src/sdk-node/index.ts'

const broker = connect(unixTransport(defaultSockets(process.env)))

const [health, models] = await broker.batch([['health'], ['models.list', { available: true }]])
assert(health.status === 'fulfilled' && models.status === 'fulfilled')
console.log(`hero_aibroker ${health.value.version} offers ${models.value.length} models`)

let response = ''
for await (const chunk of broker.streamChat({
  model: 'auto',
  messages: [{ role: 'user', content: 'Say hello.' }],
})) {
  response += chunk.choices[0]?.delta.content ?? ''
  if (chunk.usage)
    console.log(`${response}\n${chunk.usage.total_tokens} tokens, $${chunk.usage.cost ?? 'unknown'}`)
}
assert(response.length > 0, 'the response has text')

// The names of OpenAI's client work too.
const { openai } = broker
const { data } = await openai.embeddings.create({ model: 'loopback-embedding', input: 'hello' })
console.log(`a vector of ${data[0]?.embedding.length ?? 0} numbers`)

// Failures are `BrokerError`s with the broker's error code.
const unknownModel = { model: 'no-such-model', messages: [{ role: 'user', content: 'Hello?' }] } as const
const failure = await broker.chat(unknownModel).catch((thrown: unknown) => thrown)
assert(failure instanceof BrokerError)
console.log(`${failure.code}: ${failure.message}`)

// Some methods stream their results; leaving the loop ends the call.
for await (const { next } of broker.stream('logs.tail', { level: 'info' })) {
  console.log(`${next} lines in the log so far`)
  break
}

const { totals } = await broker.call('usage.summary')
console.log(`${totals.requests} requests so far, $${totals.cost_usd}`)

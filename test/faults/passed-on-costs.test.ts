// A cost that is uncertain far away arrives here with its bounds, however many brokers pass it on.
import { expect, test } from 'vitest'
import { chatChunk, cut, done, finishChunk, json, sse, type Step } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, plainResponse, says } from './scripts.ts'

const MOTHER = 'quirks: { speaks_openrouter: true }'

/** A broker whose only provider is another broker. */
function below(mother: BrokerWithProviders, price: string, model = 'm'): Promise<BrokerWithProviders> {
  const baseUrl = `http+unix://${encodeURIComponent(mother.daemon.sockets.rest)}/v1`
  return startBrokerWithProviders([{ script: [], baseUrl, row: MOTHER, price, model }])
}

const { usage: _usage, ...unmetered } = plainResponse('Once upon a time') as { usage: object }
const guessed: Readonly<Record<string, readonly Step[]>> = {
  plain: [json(200, unmetered)],
  streamed: [sse(chatChunk('Once upon '), chatChunk('a time'), finishChunk(), done)],
}

test.each(
  ['plain', 'streamed'].flatMap((form) =>
    ['', 'input_cost: 1, output_cost: 2, ', 'input_cost: 100, output_cost: 200, '].map((price) => ({
      form,
      price,
    })),
  ),
)(
  'a guess made two brokers down is a guess with bounds here ($form, our price: “$price”)',
  async ({ form, price }) => {
    await using far = await startBrokerWithProviders([{ script: guessed[form] ?? [], model: 'm0' }])
    await using middle = await below(far, price, 'm0')
    await using near = await below(middle, price)
    const response = await near.sendChat({ stream: form === 'streamed', max_tokens: 500 })
    expect(response.status).toBe(200)
    expect(response.raw).toContain('"cost_high":')
    const truth = await far.entry()
    for (const broker of [middle, near]) {
      const entry = await broker.entry()
      expect(entry.countSource).not.toBe('reported')
      expect(entry.costLow).toBeDefined()
      expect(entry.costLow).toBeLessThanOrEqual(truth.costLow ?? 0n)
      if (entry.costHigh !== undefined) expect(entry.costHigh).toBeGreaterThanOrEqual(truth.costHigh ?? 0n)
    }
  },
)

test.each([false, true])(
  'what a broker below may have to pay besides the response is in the bounds here (streamed: %j)',
  async (stream) => {
    await using far = await startBrokerWithProviders([
      { script: [cut], model: 'm0' },
      { script: stream ? says('hi') : answers('hi'), model: 'm0' },
    ])
    await using near = await below(far, '')
    await near.sendChat({ stream, max_tokens: 500 })
    const [truth, entry] = [await far.entry(), await near.entry()]
    expect(truth.costHigh).toBeGreaterThan(truth.cost ?? 0n)
    expect(entry).toMatchObject({ cost: truth.cost, costLow: truth.costLow, costHigh: truth.costHigh })
  },
)

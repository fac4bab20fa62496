// Perplexity's Agent API: OpenAI's Responses, with a charge in the usage and search results among the output.
import { expect, test } from 'vitest'
import { startBrokerWithProviders } from '../../faults/broker-with-providers.ts'
import { answers } from '../../faults/scripts.ts'
import { json, raw, type ReceivedRequest, type Step } from '../../support/scripted-upstream.ts'
import { refusal, wireOf, type ErrorName } from './wire.ts'

const wire = wireOf('perplexity')
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  model: 'perplexity/sonar',
  status: 'completed',
  error: null,
  output: [
    {
      type: 'search_results',
      queries: ['q'],
      results: [{ id: 1, url: 'https://example.org/', snippet: 's' }],
    },
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'Hello[1]', annotations: [] }],
    },
  ],
  usage: wire.usage.object,
}
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

function script({ body }: ReceivedRequest): Step[] {
  if ((body as { stream?: boolean }).stream !== true) return [json(200, RESPONSE)]
  const delta = { item_id: 'msg_1', output_index: 1, content_index: 0, delta: 'Hello[1]' }
  return [
    raw(
      event('response.created', {
        response: { ...RESPONSE, status: 'in_progress', output: [], usage: null },
      }) +
        event('response.output_item.added', { output_index: 0, item: RESPONSE.output[0] }) +
        event('response.output_text.delta', delta) +
        event('response.completed', { response: RESPONSE }),
    ),
  ]
}

const perplexity = { name: 'perplexity', modelId: 'perplexity/sonar', price: '' }

test.each([true, false])(
  'is asked at /responses, and bills what it states (streamed: %s)',
  async (stream) => {
    await using broker = await startBrokerWithProviders([{ ...perplexity, script }])
    const response = await broker.sendChat({ stream, max_tokens: 100 })
    expect(response).toMatchObject({ status: 200, text: 'Hello[1]', finish: 'stop', isDone: true })
    expect(broker.upstreams[0]?.requests).toMatchObject([
      { path: '/v1/responses', body: { model: 'perplexity/sonar', max_output_tokens: 100 } },
    ])
    expect(await broker.entry()).toMatchObject({
      status: 'finished',
      countSource: 'reported',
      usage: wire.usage.counts,
      cost: 1_190_000n,
    })
  },
)

test.each<ErrorName>(['rateLimit', 'server', 'account'])(
  'is replaced by the next provider after %s',
  async (name) => {
    await using broker = await startBrokerWithProviders([
      { ...perplexity, script: refusal(wire.errors[name]) },
      { script: answers('from the spare') },
    ])
    expect(await broker.sendChat()).toMatchObject({ status: 200, text: 'from the spare' })
  },
)

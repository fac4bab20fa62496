import { connect } from 'node:net'
import { assert, property, string } from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { mockDirectives, readBehaviour } from '../../../src/local-models/mock/directives.ts'
import { countTokens, tokensOf } from '../../../src/local-models/mock/tokens.ts'
import { manualClock, startMock } from '../support.ts'

let mock: Awaited<ReturnType<typeof startMock>>
beforeAll(async () => {
  mock = await startMock()
})
afterAll(() => mock[Symbol.asyncDispose]())

const streamed = { stream: true, stream_options: { include_usage: true } }

/** The text that arrives before the connection ends, normally or not. */
async function readAll(answer: Awaited<ReturnType<typeof mock.chat>>) {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const bytes of answer.body ?? []) text += decoder.decode(bytes, { stream: true })
    return { text, whole: true }
  } catch {
    return { text, whole: false }
  }
}

const eventsOf = (text: string) => text.split('\n\n').filter((event) => event !== '')
const contentsOf = (text: string) =>
  [...text.matchAll(/"delta":\{"content":("(?:[^"\\]|\\.)*")\}/g)].map((match) =>
    JSON.parse(match[1] ?? '""'),
  )

test.each(mockDirectives.map(({ example, syntax }) => [example, syntax]))(
  'the documented example “%s” is understood and not repeated',
  (example) => {
    const [rest, behaviour] = readBehaviour(`hello\n${example}`)
    expect(rest).toBe('hello')
    expect(behaviour).not.toEqual(readBehaviour('hello')[1])
  },
)

test('an unknown directive is refused, naming the known ones', async () => {
  const answer = await mock.chat('loopback: dance')
  expect(answer.status).toBe(400)
  expect(await answer.text()).toContain('it knows: delay TIME')
})

test('the last of hundreds of thousands of directives applies', () => {
  const [, behaviour] = readBehaviour(`${'loopback: think 2\n'.repeat(300_000)}loopback: think 3`)
  expect(behaviour).toMatchObject({ think: 3 })
})

test('directives apply only on lines of their own, in any case, and combine', () => {
  const [rest, behaviour] = readBehaviour(
    'say loopback: delay 1s\nLoopback: Delay 2s'.replace('Delay', 'delay'),
  )
  expect(rest).toBe('say loopback: delay 1s')
  expect(behaviour).toMatchObject({ delayMs: 2000 })
  expect(readBehaviour('loopback: think 2\nloopback: chunks 9 every 5ms')[1]).toMatchObject({
    think: 2,
    chunks: 9,
    everyMs: 5,
  })
})

describe('by a directive the mock provider', () => {
  test('refuses with a status and a Retry-After', async () => {
    const answer = await mock.chat('loopback: status 429 retry-after 2')
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(await answer.json()).toMatchObject({ error: { code: 429, type: 'rate_limit_error' } })
  })

  test('cuts a stream after some chunks, without a finishing chunk', async () => {
    const { text, whole } = await readAll(await mock.chat('hello\nloopback: cut after 3', streamed))
    expect(whole).toBe(false)
    expect(contentsOf(text)).toEqual(['You', ' said', ' “'])
    expect(text.endsWith('\n\n')).toBe(true)
    expect(text).not.toMatch(/"finish_reason":"|usage|DONE/)
  })

  test('cuts a plain response in the middle', async () => {
    const { text, whole } = await readAll(await mock.chat('hello\nloopback: cut after 3'))
    expect(whole).toBe(false)
    expect(text).toMatch(/^\{"id"/)
    expect(() => JSON.parse(text)).toThrow(SyntaxError)
  })

  test('cuts a stream in the middle of an event', async () => {
    const { text, whole } = await readAll(await mock.chat('hello\nloopback: tear after 2', streamed))
    expect(whole).toBe(false)
    expect(contentsOf(text)).toEqual(['You', ' said'])
    expect(eventsOf(text).at(-1)).toMatch(/^data: \{"id"[^}]*$/)
  })

  test('fails in the middle of a 200, streamed and plain', async () => {
    const stream = await mock.chat('hello\nloopback: error after 1', streamed)
    expect(stream.status).toBe(200)
    expect(eventsOf(await stream.text()).at(-1)).toContain('"error":{')
    const plain = await mock.chat('hello\nloopback: error after 1')
    expect([plain.status, await plain.json()]).toMatchObject([200, { error: { code: 502 } }])
  })

  test('sends an exact number of chunks', async () => {
    for (const count of [1, 7, 500]) {
      const text = await (await mock.chat(`hello\nloopback: chunks ${count}`, streamed)).text()
      expect(contentsOf(text)).toHaveLength(count)
      expect(text).toContain(`"completion_tokens":${count},`)
      expect(text).toContain('"finish_reason":"stop"')
    }
  })

  test('repeats its text, a line each', async () => {
    const { choices, usage } = await mock.client.chat.completions.create({
      model: 'loopback',
      messages: [{ role: 'user', content: 'hello\nloopback: repeat 100' }],
    })
    const content = choices[0]?.message.content ?? ''
    const lines = content.split('\n')
    expect([lines.length, new Set(lines).size]).toEqual([100, 1])
    expect(usage?.completion_tokens).toBe(countTokens(content))
  })

  test('never exceeds its maximum output', async () => {
    const { choices, usage } = await mock.client.chat.completions.create({
      model: 'loopback',
      messages: [{ role: 'user', content: 'hello\nloopback: repeat 9999999' }],
    })
    expect([choices[0]?.finish_reason, usage?.completion_tokens]).toEqual(['length', 32_768])
  })

  test('calls a tool with the given arguments, and refuses one that isn’t there', async () => {
    const tools = [{ type: 'function', function: { name: 'look', parameters: {} } }]
    const answer = await mock.chat('loopback: call look {"at":[1]}', { tools })
    expect(await answer.json()).toMatchObject({
      choices: [{ message: { tool_calls: [{ function: { name: 'look', arguments: '{"at":[1]}' } }] } }],
    })
    expect((await mock.chat('loopback: call sing', { tools })).status).toBe(400)
  })

  test('reasons first, and counts the reasoning tokens', async () => {
    const answer = await (await mock.chat('hello\nloopback: think 3')).json()
    expect(answer).toMatchObject({
      choices: [{ message: { reasoning: ' hm hm hm' } }],
      usage: { completion_tokens_details: { reasoning_tokens: 3 } },
    })
    const text = await (await mock.chat('hello\nloopback: think 3', streamed)).text()
    expect(text.match(/"delta":\{"reasoning"/g)).toHaveLength(3)
  })

  test('ends with any finish_reason, and reports no usage', async () => {
    const prompt = 'hello\nloopback: finish content_filter\nloopback: usage none'
    for (const more of [{}, streamed]) {
      const text = await (await mock.chat(prompt, more)).text()
      expect(text).toContain('"finish_reason":"content_filter"')
      expect(text).not.toContain('usage')
    }
  })
})

describe('timing of the mock provider', () => {
  test('delay: no byte is sent before it has passed', async () => {
    const clock = manualClock()
    await using mockOnClock = await startMock(clock)
    let answered = false
    const answer = mockOnClock.chat('hello\nloopback: delay 500ms').then((answer) => {
      answered = true
      return answer
    })
    await clock.timerPending()
    expect(clock.pending()).toEqual([500])
    clock.advance(499)
    expect([answered, clock.pending()]).toEqual([false, [1]])
    clock.advance(1)
    expect((await answer).status).toBe(200)
  })

  test('every: pauses before each chunk, and before a plain response for the sum', async () => {
    const clock = manualClock()
    await using mockOnClock = await startMock(clock)
    const stream = mockOnClock
      .chat('hello\nloopback: chunks 3 every 20ms', streamed)
      .then((answer) => answer.text())
    for (let chunk = 0; chunk < 3; chunk++) {
      await clock.timerPending()
      expect(clock.pending()).toEqual([20])
      clock.advance(20)
    }
    expect(contentsOf(await stream)).toHaveLength(3)
    const plain = mockOnClock.chat('hello\nloopback: chunks 3 every 20ms')
    await clock.timerPending()
    expect(clock.pending()).toEqual([60])
    clock.advance(60)
    expect((await plain).status).toBe(200)
  })

  test('a disconnect of the caller stops the timers', async () => {
    const clock = manualClock()
    await using mockOnClock = await startMock(clock)
    const controller = new AbortController()
    const pending = mockOnClock.ask('/v1/chat/completions', {
      method: 'POST',
      signal: controller.signal,
      body: JSON.stringify({ model: 'loopback-slow', messages: [{ role: 'user', content: 'hello' }] }),
    })
    await clock.timerPending()
    controller.abort()
    await expect(pending).rejects.toThrow('aborted')
    await expect.poll(() => clock.pending()).toEqual([])
  })

  test('a caller who doesn’t read stops the stream by backpressure, and loses nothing', async () => {
    const clock = manualClock()
    await using mockOnClock = await startMock(clock)
    const socket = connect(mockOnClock.socketPath).pause()
    const content = 'hello\nloopback: chunks 20000 every 1ms'
    const body = JSON.stringify({ model: 'loopback', stream: true, messages: [{ role: 'user', content }] })
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    const turn = () => new Promise((next) => setImmediate(next))
    await clock.timerPending()
    let chunks = 0
    for (let idle = 0; idle < 50; idle++) {
      await turn()
      if (clock.pending().length === 0) continue
      idle = 0
      chunks += 1
      clock.advance(1)
    }
    expect(chunks).toBeGreaterThan(10)
    expect(chunks).toBeLessThan(10_000)

    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    socket.resume()
    while (!socket.readableEnded) {
      await turn()
      clock.advance(1)
    }
    expect(contentsOf(text)).toHaveLength(20_000)
  })

  test('a stalled stream sends nothing more, and ends when the caller disconnects', async () => {
    const answer = await mock.chat('hello\nloopback: stall after 2', streamed)
    const reader = answer.body?.getReader()
    let text = ''
    while (contentsOf(text).length < 2) text += new TextDecoder().decode((await reader?.read())?.value)
    const silence = Symbol('silence')
    const next = await Promise.race([
      reader?.read(),
      new Promise((resolve) => setImmediate(resolve, silence)),
    ])
    expect(next).toBe(silence)
    await reader?.cancel()
  })
})

describe('tokens of the mock provider', () => {
  test('are words or single other characters, with the space before them', () => {
    expect(tokensOf('Hé_llo, you!  \n')).toEqual(['Hé_llo', ',', ' you', '!', '  \n'])
    expect(countTokens('')).toBe(0)
  })

  test('join to the text', () => {
    assert(
      property(string({ unit: 'grapheme' }), (text) => {
        expect(tokensOf(text).join('')).toBe(text)
      }),
    )
  })
})

test('a directive among a million spaces is parsed in linear time', () => {
  const spaces = ' '.repeat(1_000_000)
  const [rest, behaviour] = readBehaviour(`hello\nloopback: think 2${spaces}`)
  expect(rest).toBe('hello')
  expect(behaviour).toEqual(readBehaviour('loopback: think 2')[1])
  expect(() => readBehaviour(`loopback: a${spaces}b`)).toThrow(BrokerError)
})

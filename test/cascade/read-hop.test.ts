import { describe, expect, test } from 'vitest'
import { readHop } from '../../src/cascade/hop/read-hop.ts'

const OWN = 'own-broker'
const headers = {
  'x-aibroker-cascade': '1',
  'x-aibroker-path': 'first, second',
  'x-aibroker-hops': '2',
  'x-aibroker-deadline-ms': '5000',
  'x-aibroker-attempts': '3',
  'x-aibroker-request': 'gen-1790000000-abc.2',
  'x-aibroker-context': 'lab',
  'x-aibroker-caller': '10.0.0.7',
}

describe('the headers of a broker below', () => {
  test('are read as a whole', () => {
    expect(readHop(headers, OWN)).toEqual({
      path: ['first', 'second'],
      hopsLeft: 2,
      deadlineMs: 5000,
      attempts: 3,
      request: 'gen-1790000000-abc.2',
      context: 'lab',
      caller: '10.0.0.7',
      lease: undefined,
      policy: undefined,
    })
  })

  test('mean nothing without the version', () => {
    expect(readHop({ ...headers, 'x-aibroker-cascade': undefined }, OWN)).toBeUndefined()
  })

  test('may be newer, or fewer, than this broker knows', () => {
    const newer = { 'x-aibroker-cascade': '7', 'x-aibroker-mood': 'fine' }
    expect(readHop(newer, OWN)).toMatchObject({ path: [], hopsLeft: undefined, request: undefined })
  })

  test('refuse a request that has passed this broker, and name the way', () => {
    expect(() => readHop({ ...headers, 'x-aibroker-path': `first,${OWN},second` }, OWN)).toThrow(
      `this request has passed here before: first → ${OWN} → second → ${OWN}`,
    )
  })

  test.each([
    ['x-aibroker-path', 'a b'],
    ['x-aibroker-path', Array(33).fill('a').join(',')],
    ['x-aibroker-hops', '-1'],
    ['x-aibroker-deadline-ms', 'soon'],
    ['x-aibroker-request', 'a\nb'],
    ['x-aibroker-context', 'a context'],
  ])('refuse %s: “%s”', (name, value) => {
    expect(() => readHop({ ...headers, [name]: value }, OWN)).toThrow(`the header ${name} can’t be read`)
  })

  test('refuse a deadline that has passed', () => {
    expect(() => readHop({ ...headers, 'x-aibroker-deadline-ms': '0' }, OWN)).toThrow('deadline')
  })
})

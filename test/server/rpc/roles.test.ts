import { describe, expect, test } from 'vitest'

import { BrokerError } from '../../../src/base/errors.ts'
import { ROLES, roleMay } from '../../../src/wire/rpc/method.ts'
import { methods } from '../../../src/wire/rpc/methods.ts'
import type { MethodName } from '../../../src/wire/rpc/methods.ts'
import { startRpcSocket } from '../../support/rpc-socket.ts'

const names = Object.keys(methods) as MethodName[]
const matrix = names.flatMap((method) => ROLES.map((has) => ({ method, needs: methods[method].role, has })))

function callOf(method: MethodName): object {
  return { jsonrpc: '2.0', method, params: methods[method].example.params, id: 1 }
}

describe('every method', () => {
  test.each(matrix)('$method needs “$needs”: “$has” is treated so', async ({ method, needs, has }) => {
    await using socket = await startRpcSocket({ roleOf: () => has })
    const answer = await socket.ask(callOf(method))
    if (roleMay(has, needs)) expect(answer).toHaveProperty('result')
    else expect(answer).toMatchObject({ error: { code: -32003, data: { code: 'forbidden' } } })
  })

  test.each(names)('%s is closed to who is not known, unless it is open to all', async (method) => {
    const findCaller = () => Promise.reject(new BrokerError('unauthorized', 'no such token'))
    await using socket = await startRpcSocket({ findCaller })
    const answer = await socket.ask(callOf(method))
    if (methods[method].role === 'open') expect(answer).toHaveProperty('result')
    else expect(answer).toMatchObject({ error: { code: -32001, data: { code: 'unauthorized' } } })
  })

  test.each(names.filter((method) => methods[method].role === 'admin'))(
    '%s is closed when nobody says who is an administrator',
    async (method) => {
      await using socket = await startRpcSocket()
      expect(await socket.ask(callOf(method))).toMatchObject({ error: { code: -32003 } })
    },
  )
})

test('a role may do all that the ones before it may, and nothing of those after', () => {
  expect(ROLES.map((has) => ROLES.map((needs) => roleMay(has, needs)))).toEqual([
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ])
})

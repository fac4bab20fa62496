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

describe('roles of methods', () => {
  test.each(matrix)(
    '$method needs the role “$needs”: a call with the role “$has” is admitted or refused accordingly',
    async ({ method, needs, has }) => {
      await using socket = await startRpcSocket({ roleOf: () => has })
      const answer = await socket.call(callOf(method))
      if (roleMay(has, needs)) expect(answer).toHaveProperty('result')
      else expect(answer).toMatchObject({ error: { code: -32003, data: { code: 'forbidden' } } })
    },
  )

  test.each(names)('%s refuses an unidentified caller, unless it is open', async (method) => {
    const findCaller = () => Promise.reject(new BrokerError('unauthorized', 'no such token'))
    await using socket = await startRpcSocket({ authenticate: findCaller })
    const answer = await socket.call(callOf(method))
    if (methods[method].role === 'open') expect(answer).toHaveProperty('result')
    else expect(answer).toMatchObject({ error: { code: -32001, data: { code: 'unauthorized' } } })
  })

  test.each(names.filter((method) => methods[method].role === 'admin'))(
    '%s refuses every caller when no roles are configured',
    async (method) => {
      await using socket = await startRpcSocket()
      expect(await socket.call(callOf(method))).toMatchObject({ error: { code: -32003 } })
    },
  )
})

test('a role includes the roles before it and none after it', () => {
  expect(ROLES.map((has) => ROLES.map((needs) => roleMay(has, needs)))).toEqual([
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ])
})

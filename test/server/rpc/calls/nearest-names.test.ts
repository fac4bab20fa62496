import { expect, test } from 'vitest'
import { nearestNames } from '../../../../src/server/rpc/calls/nearest-names.ts'
import { methods } from '../../../../src/wire/rpc/methods.ts'

const known = Object.keys(methods)

test('of a name of many megabytes only the beginning is looked at', () => {
  const endless = 'nobody.'.repeat(5_000_000)
  expect(nearestNames(`${endless}models.list`, known)).toEqual(nearestNames(endless, known))
  expect(nearestNames(`models.list.${endless}`, known)).toContain('models.list')
})

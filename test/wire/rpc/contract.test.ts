import openRpcMetaSchema from '@open-rpc/meta-schema'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'

import { openRpcDocument } from '../../../src/wire/rpc/document.ts'
import type { Method } from '../../../src/wire/rpc/method.ts'
import { methods } from '../../../src/wire/rpc/methods.ts'

const contract: [string, Method][] = Object.entries(methods)

describe.each(contract)('%s', (_, method) => {
  test('has an example that its own schemas accept', () => {
    expect(method.params.parse(method.example.params)).toEqual(method.example.params)
    expect(method.result.parse(method.example.result)).toEqual(method.example.result)
  })

  test('refuses an unknown param', () => {
    const issues = method.params.safeParse({ ...method.example.params, surprise: 1 }).error?.issues
    expect(issues).toMatchObject([{ code: 'unrecognized_keys', keys: ['surprise'] }])
  })

  test('lists required params first, so that positional params are unambiguous', () => {
    const required = Object.values(method.params.shape).map((field) => !field.safeParse(undefined).success)
    expect(required).toEqual(required.toSorted((a, b) => Number(b) - Number(a)))
  })
})

describe('the OpenRPC document', () => {
  const document = openRpcDocument(methods, '0.0.0')

  test('matches its golden file', async () => {
    await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot(
      '../../golden/openrpc.json',
    )
  })

  test('is valid by the OpenRPC meta-schema', () => {
    const validate = createValidator()
    validate(document)
    expect(validate.errors).toBeNull()
    expect(validate({ ...document, methods: [{ nam: 'health' }] })).toBe(false)
  })

  test('defines every schema that it refers to', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
    expect(references.length).toBeGreaterThan(0)
    for (const [, name] of references) expect(document.components.schemas).toHaveProperty([String(name)])
  })

  test('has a distinct code for each error of a method', () => {
    for (const method of document.methods) {
      const codes = (method['errors'] as { code: number }[]).map(({ code }) => code)
      expect(codes).toEqual([...new Set(codes)])
    }
  })
})

function createValidator() {
  // The meta-schema references JSON Schema by a URL; ajv has that schema built in.
  const local = JSON.stringify(openRpcMetaSchema)
    .replaceAll(/"https:\/\/meta.json-schema.tools\/#\/definitions\/[^"]*"/g, `"${DRAFT_7}/properties/$ref"`)
    .replaceAll(/"https:\/\/meta.json-schema.tools\/?"/g, `"${DRAFT_7}"`)
  return new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(local))
}

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#'

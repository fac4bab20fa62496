import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { validateBaseUrl } from '../../../src/base/urls/validate-base-url.ts'
import { keyVariables } from '../../../src/config/secrets/keys.ts'
import { KNOWN_PROVIDERS } from '../../../src/providers/definitions/index.ts'
import { isRequestRulesName, REQUEST_RULES } from '../../../src/providers/request-rules/index.ts'

const FOLDER = join(import.meta.dirname, '../../../src/providers/definitions')

test('every file of a definition has its line in the index, and every line its file', () => {
  const files = readdirSync(FOLDER, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.parentPath !== FOLDER)
    .map(({ name }) => name.replace('.ts', ''))
  expect(KNOWN_PROVIDERS.map(({ id }) => id).toSorted()).toEqual(files.toSorted())
})

test('no two providers share a name or a variable', () => {
  const names = KNOWN_PROVIDERS.flatMap(({ displayName }) => displayName)
  const variables = KNOWN_PROVIDERS.flatMap(({ id }) => keyVariables(id))
  expect(new Set(names).size).toBe(names.length)
  expect(new Set(variables).size).toBe(variables.length)
})

describe.each(KNOWN_PROVIDERS)(
  '$displayName',
  ({ baseUrl, baseUrlForm, sources, privacy, quirks, ...rest }) => {
    test('has an address, or the form of one', () => {
      const url = baseUrlForm?.replaceAll(/\{\w+\}/g, 'x') ?? baseUrl
      expect(validateBaseUrl(url)).toBeUndefined()
      expect(new URL(url).protocol).toBe('https:')
      expect(baseUrl === '').toBe(baseUrlForm !== undefined)
    })

    test('has a dated source for each fact that is not assumed', () => {
      for (const [url, date] of Object.values(sources ?? {})) {
        expect(new URL(url).protocol).toBe('https:')
        expect(date).toMatch(/^(20\d\d-[01]\d|unread)$/)
      }
      expect(sources).toHaveProperty('baseUrl')
      // An abort that stops the billing, and what a provider does with prompts, are never assumed.
      if (rest.abortStopsBilling) expect(sources?.abortStopsBilling?.[1]).toMatch(/^20/)
      if (privacy !== undefined) expect(sources).toHaveProperty('privacy')
      // Request rules have sources of their own: see the test below.
      const { usageShape, prefixMarker, requestRules: _named, ...others } = quirks ?? {}
      if (usageShape !== undefined) expect(sources).toHaveProperty('usageShape')
      if (Object.keys(others).length > 0 || (prefixMarker ?? 'none') !== 'none')
        expect(sources).toHaveProperty('quirks')
    })
  },
)

test('every provider that serves chats, other than a router, has the request rules of a vendor', () => {
  const embeddingsOnly = ['voyage', 'jina']
  const without = KNOWN_PROVIDERS.filter(
    ({ id, quirks = {} }) =>
      quirks.speaksOpenRouter !== true && !isRequestRulesName(quirks.requestRules ?? id),
  )
  expect(without.map(({ id }) => id).toSorted()).toEqual(embeddingsOnly.toSorted())
})

test.each(Object.entries(REQUEST_RULES))(
  'the request rules of %s have dated sources',
  (_name, { sources }) => {
    expect(sources.length).toBeGreaterThan(0)
    for (const [url, read] of sources) {
      expect(new URL(url).protocol).toBe('https:')
      expect(read).toMatch(/^(20\d\d-[01]\d|unread)$/)
    }
  },
)

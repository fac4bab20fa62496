import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { validateBaseUrl } from '../../../src/base/urls/validate-base-url.ts'
import { keyVariables } from '../../../src/config/keys.ts'
import { KNOWN_PROVIDERS } from '../../../src/providers/definitions/index.ts'

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
        expect(date).toMatch(/^20\d\d-[01]\d$/)
      }
      expect(sources).toHaveProperty('baseUrl')
      // An abort that stops the billing, and what a provider does with prompts, are never assumed.
      if (rest.abortStopsBilling) expect(sources).toHaveProperty('abortStopsBilling')
      if (privacy !== undefined) expect(sources).toHaveProperty('privacy')
      const { usageShape, prefixMarker, ...others } = quirks ?? {}
      if (usageShape !== undefined) expect(sources).toHaveProperty('usageShape')
      if (Object.keys(others).length > 0 || (prefixMarker ?? 'none') !== 'none')
        expect(sources).toHaveProperty('quirks')
    })
  },
)

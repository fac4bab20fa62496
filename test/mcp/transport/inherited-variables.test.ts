import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { INHERITED_VARIABLES, inheritedVariables } from '../../../src/mcp/transport/inherited-variables.ts'

test('a server inherits proxies, certificates, language and time zone, and no key', () => {
  const environment = {
    PATH: '/bin',
    https_proxy: 'http://p:1',
    SSL_CERT_FILE: '/c',
    LANG: 'de_DE.UTF-8',
    TZ: 'Asia/Tokyo',
    OPENAI_API_KEY: 'sk',
    ADMIN_TOKEN: 't',
    TERM: '() { :; }',
  }
  const { OPENAI_API_KEY: _k, ADMIN_TOKEN: _a, TERM: _t, ...inherited } = environment
  expect(inheritedVariables(environment)).toEqual(inherited)
})

test('the documentation names every variable that is inherited', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/mcp-servers.md'), 'utf8')
  expect(INHERITED_VARIABLES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

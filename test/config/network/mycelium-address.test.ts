import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { myceliumAddress } from '../../../src/config/network/mycelium-address.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const addresses = ['127.0.0.1', 'fe80::1', 'fc00::1', '2001:db8::4', '54f:b680:ba6e:7ced::1']

function configure(home: string, text: string): void {
  mkdirSync(join(home, 'hero/cfg'), { recursive: true })
  writeFileSync(join(home, 'hero/cfg/hero_cfg.toml'), text)
}

test('the variable wins over the file of Hero OS, and the file over the interfaces', () => {
  using folder = tempFolder()
  const home = folder.path
  configure(
    home,
    '[server]\nipv6_address = "::1"\n[mycelium]\nenabled = true\nipv6_address = "5aa::7"\n[x]\n',
  )
  expect(myceliumAddress({ variable: '400::9', home, addresses })).toBe('400::9')
  expect(myceliumAddress({ variable: undefined, home, addresses })).toBe('5aa::7')
})

test('a file without a mycelium section, or none at all, leaves the interfaces', () => {
  using folder = tempFolder()
  const home = folder.path
  expect(myceliumAddress({ variable: undefined, home, addresses })).toBe('54f:b680:ba6e:7ced::1')
  configure(home, '[server]\nipv6_address = "::1"\n')
  expect(myceliumAddress({ variable: undefined, home, addresses })).toBe('54f:b680:ba6e:7ced::1')
})

test('a host without an address within 400::/7 has none', () => {
  const others = ['127.0.0.1', '::1', 'fc00::1', '3ff::1', '600::1', '4000::1', '5f:1::1']
  expect(myceliumAddress({ variable: undefined, home: undefined, addresses: others })).toBeUndefined()
})

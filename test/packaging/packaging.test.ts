// The files from which packages are made agree with the program, and with the tools that read them, where these are installed.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { SETTINGS } from '../../src/config/setting-table.ts'
import { VERSION } from '../../src/runtime/version.ts'
import { tempFolder } from '../support/temp-folder.ts'

const PACKAGING = join(import.meta.dirname, '..', '..', 'packaging')
const read = (...path: readonly string[]): string => readFileSync(join(PACKAGING, ...path), 'utf8')

function isInstalled(program: string, question = '--version'): boolean {
  try {
    execFileSync(program, [question], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('the chart has the version of the program', () => {
  expect(parse(read('helm', 'hero-aibroker', 'Chart.yaml'))).toMatchObject({
    version: VERSION,
    appVersion: VERSION,
  })
})

test('every variable that the packages set is one that the daemon reads', () => {
  const known: ReadonlySet<string> = new Set(SETTINGS.flatMap(({ variables }) => variables))
  const texts = [read('debian', 'hero-aibroker.service'), read('oci', 'Containerfile')]
  const chart = read('helm', 'hero-aibroker', 'templates', 'statefulset.yaml')
  const set = texts.flatMap((text) =>
    [...text.matchAll(/\b((?:AIBROKER|HERO)_[A-Z_]+)=/g)].map(([, name]) => name),
  )
  const named = [...chart.matchAll(/- name: ([A-Z][A-Z_]+)/g)].map(([, name]) => name)
  expect([...set, ...named].filter((name) => name !== undefined && !known.has(name))).toEqual([])
  expect(named).toContain('CREDENTIALS_DIRECTORY')
  expect(set.length).toBeGreaterThanOrEqual(4)
})

test.skipIf(!isInstalled('systemd-analyze'))('systemd accepts the unit of the Debian package', () => {
  using folder = tempFolder()
  const path = join(folder.path, 'hero-aibroker.service')
  // The programs are not installed here.
  writeFileSync(
    path,
    read('debian', 'hero-aibroker.service').replaceAll(/\/usr\/bin\/hero_aibroker\w*/g, '/bin/true'),
  )
  expect(execFileSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' })).toBe('')
})

test.skipIf(!isInstalled('helm', 'version'))('helm finds no fault in the chart', () => {
  const chart = join(PACKAGING, 'helm', 'hero-aibroker')
  expect(execFileSync('helm', ['lint', '--strict', chart], { encoding: 'utf8' })).toContain(
    '0 chart(s) failed',
  )
})

test.skipIf(!isInstalled('hadolint'))('hadolint finds no fault in the image recipe', () => {
  expect(execFileSync('hadolint', [join(PACKAGING, 'oci', 'Containerfile')], { encoding: 'utf8' })).toBe('')
})

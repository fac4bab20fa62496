// Writes the software bill of materials (CycloneDX) of what a user installs: `npm run sbom > sbom.cdx.json`. The same sources give
// the same bytes: its time is that of SOURCE_DATE_EPOCH, else of the last commit, and its serial number is a hash of its content.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const PACKAGE = 'hero-aibroker'

interface Bom {
  serialNumber: string
  metadata: { timestamp: string; component: { name: string } }
}

const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { cwd: ROOT, encoding: 'utf8' })

// npm calls the root by the name of its folder.
const text = run('npm', ['sbom', '--omit=dev', '--sbom-format=cyclonedx'])
const bom = JSON.parse(text.replaceAll(`"name": "${basename(ROOT)}"`, `"name": "${PACKAGE}"`)) as Bom
const epoch = process.env['SOURCE_DATE_EPOCH'] ?? run('git', ['log', '-1', '--format=%ct']).trim()
bom.metadata.timestamp = new Date(Number(epoch) * 1000).toISOString()
bom.serialNumber = ''
bom.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(bom))}`
process.stdout.write(`${JSON.stringify(bom, undefined, 2)}\n`)

/** A UUID of version 8 (RFC 9562): a hash with the bits of version and variant set. */
function uuidOf(content: string): string {
  const bytes = createHash('sha256').update(content).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Certificates for a test, made in memory: a small piece of X.509 (RFC 5280) in DER. */
import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface TestCertificate {
  /** PEM. */
  readonly certificate: string
  readonly key: string
}

export interface TestAuthority extends TestCertificate {
  /** A certificate for a server, valid from two days ago until `days` from now (10 by default). */
  issue(name: string, options?: { readonly days?: number | undefined }): TestCertificate
}

export function testAuthority(): TestAuthority {
  const own = newKey()
  const issuer = { name: 'test authority', key: own }
  return {
    certificate: certificate({
      subject: issuer.name,
      subjectKey: own,
      issuer,
      days: 10,
      extensions: [AUTHORITY],
    }),
    key: pemOfKey(own),
    issue(name, { days = 10 } = {}) {
      const key = newKey()
      const extensions = [namedFor(name)]
      return {
        certificate: certificate({ subject: name, subjectKey: key, issuer, days, extensions }),
        key: pemOfKey(key),
      }
    },
  }
}

interface Facts {
  readonly subject: string
  readonly subjectKey: KeyObject
  readonly issuer: { readonly name: string; readonly key: KeyObject }
  readonly days: number
  readonly extensions: readonly Buffer[]
}

let serial = 0

function certificate({ subject, subjectKey, issuer, days, extensions }: Facts): string {
  const content = sequence(
    der(0xa0, integer(2)),
    integer(++serial),
    ECDSA_SHA256,
    nameOf(issuer.name),
    sequence(time(-2), time(days)),
    nameOf(subject),
    createPublicKey(subjectKey).export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', content, issuer.key)
  const whole = sequence(content, ECDSA_SHA256, der(0x03, Buffer.from([0]), signature))
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]))
}

/** The bytes of an object identifier, as listed in RFC 5280 and RFC 5758. */
function identifier(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(identifier(0x55, 4, 3), der(0x0c, Buffer.from(commonName)))))
}

function time(daysFromNow: number): Buffer {
  const at = new Date(Date.now() + daysFromNow * 86_400_000)
  return der(0x17, Buffer.from(at.toISOString().replaceAll(/^\d\d|[-:T]|\.\d+/g, '')))
}

const ECDSA_SHA256 = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2))

const AUTHORITY = sequence(
  identifier(0x55, 0x1d, 19),
  der(0x01, Buffer.from([0xff])),
  der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
)

function namedFor(name: string): Buffer {
  const isAddress = /^[\d.]+$/.test(name)
  const bytes = isAddress ? Buffer.from(name.split('.').map(Number)) : Buffer.from(name)
  return sequence(identifier(0x55, 0x1d, 17), der(0x04, sequence(der(isAddress ? 0x87 : 0x82, bytes))))
}

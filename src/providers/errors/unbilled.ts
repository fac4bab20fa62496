import type { BrokerError } from '../../base/errors.ts'

/** The provider refused the request, or never had it. A refusal of an upstream broker may come from others, who may bill it. */
export function isUnbilled({
  details: { status = 0, isUnsent, mayRepeat, mayBeCharged },
}: BrokerError): boolean {
  return (status >= 400 && mayBeCharged !== true) || isUnsent === true || mayRepeat === true
}

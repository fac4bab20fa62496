import type { FastifyReply, FastifyRequest } from 'fastify'
import { offeredTo } from '../../../inference/services/offered.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { authenticate } from '../../http/authenticate.ts'

/** `GET /providers`: the configured providers that the caller may use, under the slugs that `provider.order` and similar fields take. */
export function getProviders(request: FastifyRequest, _reply: FastifyReply, services: AdminServices): object {
  const { providers } = offeredTo(authenticate(request), services)
  const data = [...providers.values()].map(({ id, displayName, company }) => ({
    name: displayName,
    slug: id,
    privacy_policy_url: company?.privacyPolicyUrl ?? null,
    terms_of_service_url: company?.termsUrl ?? null,
    status_page_url: company?.statusUrl ?? null,
    headquarters: company?.headquarters ?? null,
    datacenters: null,
  }))
  return { data }
}

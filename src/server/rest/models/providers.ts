import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AdminServices } from '../../../inference/services/services.ts'

/** `GET /providers`: the configured providers, under the slugs that `provider.order` and similar fields take. */
export function getProviders(
  _request: FastifyRequest,
  _reply: FastifyReply,
  { providers }: AdminServices,
): object {
  const data = [...providers().values()].map(({ id, displayName, company }) => ({
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

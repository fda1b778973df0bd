"""The GraphQL documents that are sent to Shopify."""

from __future__ import annotations

CUSTOMER = """
fragment Standing on Customer {
  id
  tags
  updatedAt
  defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }
}"""

SHOP = """
query { shop { name email }
  currentAppInstallation { accessScopes { handle } } }"""

COUNT = "query { customersCount { count precision } }"

FIELDS = """
query { metafieldDefinitions(first: 250, ownerType: CUSTOMER) {
  nodes { namespace key name type { name } validations { name value } } } }"""

FIND = (
    """
query ($email: String!) {
  customerByIdentifier(identifier: {emailAddress: $email}) {
    ...Standing firstName lastName note defaultPhoneNumber { phoneNumber }
    metafields(first: 50) {
      nodes { namespace key value } pageInfo { hasNextPage } } } }"""
    + CUSTOMER
)

CREATE = (
    """
mutation ($input: CustomerInput!) {
  customerCreate(input: $input) {
    customer { ...Standing } userErrors { field message } } }"""
    + CUSTOMER
)

UPDATE = (
    """
mutation ($input: CustomerInput!) {
  customerUpdate(input: $input) {
    customer { ...Standing } userErrors { field message } } }"""
    + CUSTOMER
)

TAG = """
mutation ($id: ID!, $tags: [String!]!) {
  tagsAdd(id: $id, tags: $tags) { userErrors { field message } } }"""

CONSENT = (
    """
mutation ($input: CustomerEmailMarketingConsentUpdateInput!) {
  customerEmailMarketingConsentUpdate(input: $input) {
    customer { ...Standing } userErrors { field message code } } }"""
    + CUSTOMER
)

ERASE = """
mutation ($id: ID!) {
  customerRequestDataErasure(customerId: $id) {
    customerId userErrors { field message code } } }"""

# A query may cost 1,000 points: 40 customers with 15 metafields each stay below.
CHANGES = """
query ($after: String, $query: String, $metafields: [String!]) {
  customers(first: 40, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      id firstName lastName note tags updatedAt
      defaultPhoneNumber { phoneNumber }
      defaultEmailAddress { emailAddress marketingState }
      metafields(first: 15, keys: $metafields) { nodes { namespace key value } } }
    pageInfo { hasNextPage endCursor } } }"""

WEBHOOKS = """
mutation ($hook: WebhookSubscriptionInput!) {
  made: webhookSubscriptionCreate(topic: CUSTOMERS_CREATE, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } }
  changed: webhookSubscriptionCreate(
    topic: CUSTOMERS_UPDATE, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } }
  consent: webhookSubscriptionCreate(
    topic: CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } }
  gone: webhookSubscriptionCreate(topic: CUSTOMERS_DELETE, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } } }"""

UNHOOK = """
mutation ($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId userErrors { field message } } }"""

import Config

config :sample_app, SampleAppWeb.Endpoint,
  cache_static_manifest: "priv/static/cache_manifest.json"

config :swoosh, api_client: Swoosh.ApiClient.Finch, finch_name: SampleApp.Finch

config :logger, level: :info

defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :token, :uuid, default: fragment("gen_random_uuid()") # expect: add-column-volatile-default error
      add :token2, :uuid, null: false, default: fragment("uuid_generate_v4()") # expect: add-column-volatile-default error
      add :seen_at, :utc_datetime, default: fragment("clock_timestamp()") # expect: add-column-volatile-default error
      add :code, :text, default: fragment("app_code()") # expect: add-column-volatile-default warning
    end
  end
end

defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:tokens) do
      add :token, :uuid, default: fragment("gen_random_uuid()")
    end

    alter table(:tokens) do
      add :other, :uuid, default: fragment("gen_random_uuid()")
    end
  end
end

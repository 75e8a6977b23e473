defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    for column <- [:title, :body] do
      create index(:posts, [column]) # expect: index-not-concurrent error
    end

    :posts |> index([:views]) |> create() # expect: index-not-concurrent error
  end
end

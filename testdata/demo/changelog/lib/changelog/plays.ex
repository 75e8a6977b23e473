defmodule Changelog.Plays do
  @moduledoc """
  Who played what, as it comes in. The table is too busy for changesets, and may be lost: it is unlogged, and counted
  into `posts.impressions` every night.
  """
  import Ecto.Query

  alias Changelog.Repo

  def record(post_id, region, seconds) do
    Repo.insert_all("plays", [%{post_id: post_id, region: region, seconds: seconds}])
  end

  def of(post_id) do
    from(p in "plays", where: p.post_id == ^post_id, select: {count(), sum(p.seconds)})
    |> Repo.one()
  end
end
